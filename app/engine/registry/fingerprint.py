"""Fingerprints and cards of checkpoints: a change of their files is noticed without reading them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from app.engine.registry.snapshot import PublishedModel
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.families import capabilities_of, precision_of
from models.checkpoint.load import Families
from models.checkpoint.repository import CheckpointRef
from models.errors import CheckpointDamaged

Fingerprint = tuple[tuple[str, int, int, int, int], ...]
"""Name, inode, size, time of change and of change of status of each file of a checkpoint."""
FILE_SUFFIXES = (".json", ".safetensors", ".kenlm")
"""Endings of a checkpoint's files; whatever else lies beside them, as an editor's lock does, is not looked at."""


def joint_fingerprint(name: str, parts: Mapping[str, tuple[Fingerprint, tuple[str, ...]]]) -> tuple[Fingerprint, ...]:
    """Return the fingerprints of a checkpoint and of all its members; () for one that is missing."""
    met = [name]
    for known in met:  # which grows meanwhile; no name is met twice, whatever a card says
        met += [member for member in parts.get(known, ((), ()))[1] if member not in met]
    return tuple(parts.get(known, ((), ()))[0] for known in met)


def own_fingerprint(path: Path) -> Fingerprint:
    """Return what tells a change of a checkpoint's files; () for a directory that cannot be examined."""
    try:
        found = [file for file in sorted(path.iterdir()) if file.suffix in FILE_SUFFIXES and file.name[0] != "."]
        return tuple(_file_fingerprint(file) for file in found)
    except OSError:  # going away at this moment, or not ours to read
        return ()


def _file_fingerprint(file: Path) -> tuple[str, int, int, int, int]:
    """Return the fingerprint of a file; of a link that leads nowhere, that of the link itself."""
    try:
        stat = file.stat()
    except OSError:
        stat = file.lstat()
    return file.name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


class CardCatalogue:
    """Cards of the versions in a folder, each read again only after a change of its files."""

    def __init__(self, families: Families) -> None:
        self._families = families
        self._cards: dict[str, tuple[Fingerprint, Card | None]] = {}

    def look_at(self, refs: Iterable[CheckpointRef]) -> dict[str, tuple[Fingerprint, ...]]:
        """Return the joint fingerprint of each version, and read the cards of those that have changed."""
        parts = {ref.id: self._own_fingerprint_and_members(ref) for ref in refs}
        return {name: joint_fingerprint(name, parts) for name in parts}

    def forget(self, model: str) -> None:
        """Forget a version that is gone."""
        self._cards.pop(model, None)

    def describe(self, entry: CheckpointRef) -> PublishedModel | None:
        """Return what the card of a version tells; None where only loading it can say what is wrong with it."""
        card = self._cards[entry.id][1]
        if card is None or card.kind not in self._families or is_linked(entry):
            return None
        precision = precision_of([part.kind for part in self._parts(card)], self._families)
        return PublishedModel(entry, card, capabilities_of(card, self._families), precision)

    def _parts(self, card: Card) -> list[Card]:
        """Return a card and those of all that its model is made of, as far as they are known."""
        parts, names = [card], [member.model for member in card.members]
        for name in names:  # which grows meanwhile; no name is met twice, whatever a card says
            part = self._cards.get(name, ((), None))[1]
            if part is not None:
                parts.append(part)
                names += [member.model for member in part.members if member.model not in names]
        return parts

    def _own_fingerprint_and_members(self, entry: CheckpointRef) -> tuple[Fingerprint, tuple[str, ...]]:
        """Return the fingerprint of a checkpoint's files and its members; read its card only after a change."""
        own = own_fingerprint(entry.path)
        known = self._cards.get(entry.id)
        if known is None or known[0] != own:
            known = self._cards[entry.id] = own, _read_card(entry)
        return own, tuple(member.model for member in known[1].members) if known[1] else ()


def _read_card(entry: CheckpointRef) -> Card | None:
    """Return the card of a version; None where it cannot be read."""
    try:
        return Card.read(entry.path / CARD_FILE)
    except CheckpointDamaged:
        return None


def is_linked(entry: CheckpointRef) -> bool:
    """Return whether a version lies in a link: what it leads to is not in our hands."""
    return entry.path.parent.is_symlink() or entry.path.is_symlink()
