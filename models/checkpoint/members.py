"""The published models that a checkpoint is made of: pinned by name@version and hash, found under the same root.

A card's hash covers the hashes of its files, so it pins all of a member, and of that one's own members. It knows cards
and where they lie; it does not know how a checkpoint is opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from models.checkpoint.card import CARD_FILE, Card, FileFacts, Member
from models.checkpoint.repository import Entry, entries, resolve
from models.errors import CheckpointDamaged, CheckpointNotFound, InvalidInput
from models.tokenization.tokenizer import Tokenizer


def pin(entry: Entry) -> Member:
    """What a card says of the published model `entry`. Raises InvalidInput for one that has no version."""
    if entry.version is None:
        raise InvalidInput("members", f"must be published models, as name@version, and {entry.path} is not one")
    return Member(entry.id, FileFacts.of(entry.path / CARD_FILE).sha256)


def find(library: Path, member: Member) -> Path:
    """Where the model lies that was pinned. Raises CheckpointDamaged, naming it, where it is gone or another."""
    if "/" in member.model or member.model.startswith(".") or "@" not in member.model:
        raise CheckpointDamaged(f"member {member.model!r} is not a name@version")
    try:
        entry = resolve(library, member.model)
        found = pin(entry)
    except (CheckpointNotFound, OSError) as error:
        raise CheckpointDamaged(f"member {member.model} is missing: {error}") from error
    if found != member:
        raise CheckpointDamaged(f"member {member.model} is not the one that was pinned: its card has changed")
    return entry.path


def shared(tokenizers: Iterable[tuple[str, Tokenizer]]) -> Tokenizer:
    """The tokenizer that all have, given with the members' names. Raises InvalidInput naming the odd one."""
    (first, tokenizer), *others = tokenizers
    for name, other in others:
        if not tokenizer.same(other):
            raise InvalidInput("members", f"must share a tokenizer, and that of {name} is not that of {first}")
    return tokenizer


def users(library: Path, model: str) -> list[str]:
    """The published checkpoints, as name@version, that have `model` (name@version) as a member."""
    return [entry.id for entry in entries(library) if model in members_of(entry.path)]


def members_of(path: Path) -> tuple[str, ...]:
    """The members, as name@version, of the checkpoint in the directory `path`; a card that cannot be read has none."""
    try:
        return tuple(member.model for member in Card.read(path / CARD_FILE).members)
    except CheckpointDamaged:
        return ()
