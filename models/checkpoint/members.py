"""The published models that a checkpoint is made of: pinned by name@version and hash, found under the same root.

A card's hash covers the hashes of its files, so it pins all of a member, and of that one's own members. It knows cards
and where they lie; it does not know how a checkpoint is opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from models.checkpoint.card import CARD_FILE, Card, FileDigest, PinnedMember
from models.checkpoint.repository import CheckpointRef, list_checkpoints, resolve
from models.errors import CheckpointDamaged, CheckpointNotFound, InvalidInput
from models.tokenization.tokenizer import Tokenizer


def pin_member(entry: CheckpointRef) -> PinnedMember:
    """What a card says of the published model `entry`. Raises InvalidInput for one that has no version."""
    if entry.version is None:
        raise InvalidInput("members", f"must be published models, as name@version, and {entry.path} is not one")
    return PinnedMember(entry.id, FileDigest.of(entry.path / CARD_FILE).sha256)


def find_member(library: Path, member: PinnedMember) -> Path:
    """Where the model lies that was pinned. Raises CheckpointDamaged, naming it, where it is gone or another."""
    if "/" in member.model or member.model.startswith(".") or "@" not in member.model:
        raise CheckpointDamaged(f"member {member.model!r} is not a name@version")
    try:
        entry = resolve(library, member.model)
        found = pin_member(entry)
    except (CheckpointNotFound, OSError) as error:
        raise CheckpointDamaged(f"member {member.model} is missing: {error}") from error
    if found != member:
        raise CheckpointDamaged(f"member {member.model} is not the one that was pinned: its card has changed")
    return entry.path


def shared_tokenizer(tokenizers: Iterable[tuple[str, Tokenizer]]) -> Tokenizer:
    """The tokenizer that all have, given with the members' names. Raises InvalidInput naming the odd one."""
    (first, tokenizer), *others = tokenizers
    for name, other in others:
        if not tokenizer.is_equivalent_to(other):
            raise InvalidInput("members", f"must share a tokenizer, and that of {name} is not that of {first}")
    return tokenizer


def checkpoints_using(library: Path, model: str) -> list[str]:
    """The published checkpoints, as name@version, that have `model` (name@version) as a member."""
    return [entry.id for entry in list_checkpoints(library) if model in member_ids(entry.path)]


def member_ids(path: Path) -> tuple[str, ...]:
    """The members, as name@version, of the checkpoint in the directory `path`; a card that cannot be read has none."""
    try:
        return tuple(member.model for member in Card.read(path / CARD_FILE).members)
    except CheckpointDamaged:
        return ()
