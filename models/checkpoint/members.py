"""Members of a composite checkpoint: published models, pinned by name@version and hash.

The hash of a card covers the hashes of its files, so it pins all of a member, and that member's own members.
"""

from __future__ import annotations

from pathlib import Path

from models.checkpoint.card import CARD_FILE, Card, FileDigest, PinnedMember
from models.checkpoint.model_name import parse_version
from models.checkpoint.repository import CheckpointRef, list_checkpoints, resolve
from models.errors import CheckpointDamaged, CheckpointNotFound, InvalidInput


def pin_member(ref: CheckpointRef) -> PinnedMember:
    """Pin a published model by the hash of its card. Raises InvalidInput for one that has no version."""
    if ref.version is None:
        raise InvalidInput("members", f"must be published models, as name@version, and {ref.path} is not one")
    return PinnedMember(ref.id, FileDigest.of(ref.path / CARD_FILE).sha256)


def find_member(library: Path, member: PinnedMember) -> Path:
    """Return a member's directory in `library`. Raises CheckpointDamaged where it is missing or changed."""
    try:
        parse_version(member.model)
    except InvalidInput:
        raise CheckpointDamaged(f"member {member.model!r:.80} is not a name@version") from None
    try:
        ref = resolve(library, member.model)
        published = pin_member(ref)
    except (CheckpointNotFound, OSError) as error:
        raise CheckpointDamaged(f"member {member.model} is missing: {error}") from error
    if published != member:
        raise CheckpointDamaged(f"member {member.model} is not the one that was pinned: its card has changed")
    return ref.path


def checkpoints_using(library: Path, model: str) -> list[str]:
    """List the published checkpoints, as name@version, that have `model` (name@version) as a member."""
    return [ref.id for ref in list_checkpoints(library) if model in member_ids(ref.path)]


def member_ids(path: Path) -> tuple[str, ...]:
    """Return a checkpoint's members as name@version; a card that cannot be read has none."""
    try:
        return tuple(member.model for member in Card.read(path / CARD_FILE).members)
    except CheckpointDamaged:
        return ()
