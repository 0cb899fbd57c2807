"""ModelRegistry: the published checkpoints of one folder, loaded, by name and by name@version.

Readers see an immutable Snapshot. A change in the folder replaces it by one assignment: a request keeps its model.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.core.exceptions import ModelLoading
from models.checkpoint.load import Checkpoint
from models.checkpoint.members import member_ids
from models.checkpoint.repository import CheckpointRef, list_checkpoints
from models.errors import CheckpointDamaged, CheckpointNotFound, NextwordError

logger = logging.getLogger(__name__)
Fingerprint = tuple[tuple[str, int, int, int], ...]
"""Name, inode, size and time of change of each file of a checkpoint."""


@dataclass(frozen=True)
class ServedModel:
    """Loaded checkpoint that answers requests, and where it lies."""

    ref: CheckpointRef
    checkpoint: Checkpoint

    @property
    def id(self) -> str:
        """Return the model's id, `name@version`."""
        return self.ref.id

    @property
    def answer_fields(self) -> dict[str, Any]:
        """Fields of every answer: the `model`, and `normalized` where its distributions do not all sum to one."""
        return {"model": self.ref.id} | self.normalized_field

    @property
    def normalized_field(self) -> dict[str, Any]:
        """Field `normalized` of answers that name no model; nothing where all distributions sum to one."""
        return {} if self.checkpoint.card.normalized else {"normalized": False}


@dataclass(frozen=True)
class Snapshot:
    """The models that are served, loading or broken at one moment."""

    models: tuple[ServedModel, ...] = ()
    """By name, then version."""
    loading: tuple[str, ...] = ()
    """`name@version` of what is there and not loaded yet."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """`name@version` of what cannot be loaded, and why."""
    by_name: Mapping[str, ServedModel] = field(default_factory=dict)
    """Under `name@version`, and the newest version under `name` as well."""


class ModelRegistry:
    """The checkpoints under `root`, each loaded by `load`."""

    def __init__(self, root: Path, load: Callable[[Path], Checkpoint]) -> None:
        self.snapshot = Snapshot()
        self.has_scanned = False
        self._root = root
        self._load = load
        self._fingerprints: dict[str, tuple[Fingerprint, ...]] = {}
        self._members: dict[str, tuple[Fingerprint, tuple[str, ...]]] = {}
        self._served: dict[str, ServedModel] = {}
        self._problems: dict[str, str] = {}

    def get(self, model: str) -> ServedModel:
        """Return the model of that name, never another: a `name` means its newest version that can be used.

        Raises CheckpointNotFound (listing what exists), ModelLoading or CheckpointDamaged.
        """
        snapshot = self.snapshot
        if found := snapshot.by_name.get(model):
            return found
        if not self.has_scanned or _newest_match(model, snapshot.loading):
            raise ModelLoading(f"model {model!r} is still being loaded")
        if broken := _newest_match(model, snapshot.problems):
            raise CheckpointDamaged(f"model {model!r} cannot be used: {snapshot.problems[broken]}")
        known = ", ".join(served.id for served in snapshot.models) or "none"
        raise CheckpointNotFound(f"there is no model {model!r}; there are: {known}")

    def loaded_checkpoint(self, model: str) -> Checkpoint | None:
        """Return the checkpoint of `name@version` where it is in memory, for composites that are made of it."""
        served = self._served.get(model)
        return served.checkpoint if served else None

    async def watch(self, seconds: float) -> None:
        """Refresh forever, off the event loop, with pauses of `seconds`."""
        readable = True
        while True:
            try:
                await asyncio.to_thread(self.refresh)
                readable = True
            except OSError as error:
                if readable:
                    logger.error("%s cannot be read, and what is served stays: %s", self._root, error)
                readable = False
            await asyncio.sleep(seconds)

    def refresh(self) -> None:
        """Bring the snapshot up to date with the folder; one thread at a time.

        A checkpoint that cannot be loaded is logged once, reported among the problems and tried again when it, or a
        model that it is made of, changes; what was served under its name before stays.
        """
        found = {entry.id: entry for entry in list_checkpoints(self._root)}
        for gone in self._fingerprints.keys() - found.keys():
            self._forget(gone)
        parts = {name: self._own_fingerprint_and_members(entry) for name, entry in found.items()}
        prints = {name: _joint_fingerprint(name, parts) for name in found}
        pending = _newest_first(entry for name, entry in found.items() if self._fingerprints.get(name) != prints[name])
        # Members before what is made of them, which then shares their weights.
        pending.sort(key=lambda entry: len(prints[entry.id]))
        for i, entry in enumerate(pending):
            self._publish(pending[i:])
            self._load_checkpoint(entry, prints[entry.id])
        self._publish([])
        self.has_scanned = True

    def _own_fingerprint_and_members(self, entry: CheckpointRef) -> tuple[Fingerprint, tuple[str, ...]]:
        """Return the fingerprint of a checkpoint's files and its members; read its card only after a change."""
        own = _fingerprint(entry.path)
        if self._members.get(entry.id, ((), ()))[0] != own:
            self._members[entry.id] = own, member_ids(entry.path)
        return self._members[entry.id]

    def _load_checkpoint(self, entry: CheckpointRef, fingerprint: tuple[Fingerprint, ...]) -> None:
        self._fingerprints[entry.id] = fingerprint
        try:
            checkpoint = self._load(entry.path)
        except Exception as error:  # the folder is not ours: whatever it holds, the service goes on
            logger.error("%s cannot be used: %s", entry.id, error, exc_info=not isinstance(error, NextwordError))
            self._problems[entry.id] = str(error) if isinstance(error, NextwordError) else "it cannot be loaded"
        else:
            logger.info("serving %s", entry.id)
            self._served[entry.id] = ServedModel(entry, checkpoint)
            self._problems.pop(entry.id, None)

    def _forget(self, name: str) -> None:
        logger.info("%s is gone", name)
        del self._fingerprints[name]
        self._members.pop(name, None)
        self._served.pop(name, None)
        self._problems.pop(name, None)

    def _publish(self, pending: list[CheckpointRef]) -> None:
        models = sorted(self._served.values(), key=lambda served: (served.ref.name, served.ref.version or 0))
        by_name = {served.ref.name: served for served in models} | {served.id: served for served in models}
        loading = tuple(entry.id for entry in pending if entry.id not in self._served)
        # The one assignment: readers hold the old snapshot or the new one, and neither ever changes.
        self.snapshot = Snapshot(tuple(models), loading, MappingProxyType(dict(self._problems)), by_name)


def _newest_match(model: str, names: Iterable[str]) -> str | None:
    """Return the newest of `names` (`name@version`) that `model` could mean."""
    meant = [name for name in names if model in (name, name.partition("@")[0])]
    return max(meant, key=lambda name: int(name.partition("@")[2]), default=None)


def _joint_fingerprint(name: str, parts: Mapping[str, tuple[Fingerprint, tuple[str, ...]]]) -> tuple[Fingerprint, ...]:
    """Return the fingerprints of a checkpoint and of all its members; () for one that is missing."""
    met = [name]
    for known in met:  # which grows meanwhile; no name is met twice, whatever a card says
        met += [member for member in parts.get(known, ((), ()))[1] if member not in met]
    return tuple(parts.get(known, ((), ()))[0] for known in met)


def _fingerprint(path: Path) -> Fingerprint:
    try:
        found = [(file.name, file.stat()) for file in sorted(path.iterdir())]
    except OSError:  # going away at this moment
        return ()
    return tuple((name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in found)


def _newest_first(found: Iterable[CheckpointRef]) -> list[CheckpointRef]:
    """Sort so that the newest version of each name comes first, then the second newest of each, and so on."""
    rank: Counter[str] = Counter()

    def turn(entry: CheckpointRef) -> int:
        rank[entry.name] += 1
        return rank[entry.name]

    return sorted(sorted(found, key=lambda entry: -(entry.version or 0)), key=turn)
