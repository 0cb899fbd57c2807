"""ModelRegistry: the published checkpoints of one folder, loaded, by name and by name@version.

Readers see an immutable Snapshot. A change in the folder replaces it by one assignment: a request keeps its model.
What cannot be examined, loaded or trusted is a problem of one version, and harms no other.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from app.core.exceptions import ModelLoading
from app.engine.fingerprint import Fingerprint, joint_fingerprint, own_fingerprint
from models.checkpoint.load import Checkpoint
from models.checkpoint.members import member_ids
from models.checkpoint.model_name import parse_model
from models.checkpoint.repository import CheckpointRef, scan_checkpoints, was_deleted
from models.errors import CheckpointDamaged, CheckpointError, CheckpointNotFound, InvalidInput, NextwordError

logger = logging.getLogger(__name__)
RETRY_SECONDS = 30.0
"""Pause before a version is tried again that could not be loaded for another reason than its files."""


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

    @classmethod
    def of(cls, models: Iterable[ServedModel], loading: Iterable[str], problems: Mapping[str, str]) -> Self:
        """Return the snapshot of these models, by name and version."""
        served = sorted(models, key=lambda model: (model.ref.name, model.ref.version or 0))
        by_name = {model.ref.name: model for model in served} | {model.id: model for model in served}
        return cls(tuple(served), tuple(loading), MappingProxyType(dict(problems)), by_name)

    @property
    def names(self) -> frozenset[str]:
        """Names of all models that are there, loading and broken ones too."""
        ids = (*(model.id for model in self.models), *self.loading, *self.problems)
        return frozenset(parse_model(model)[0] for model in ids)

    def without(self, names: Collection[str]) -> Self:
        """Return the snapshot without some versions, `name@version` each."""
        return self.of(
            (model for model in self.models if model.id not in names),
            (name for name in self.loading if name not in names),
            {name: problem for name, problem in self.problems.items() if name not in names},
        )


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
        self._retry_at: dict[str, float] = {}
        """When to try again what failed for another reason than its files, by the monotonic clock."""
        self._withdrawn: set[str] = set()
        """Versions that were deleted, until the folder shows it."""
        self._snapshot_lock = threading.Lock()
        """Held from reading what is withdrawn to replacing the snapshot."""

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
        reason = f"model {model!r} was deleted" if was_deleted(self._root, model) else f"there is no model {model!r}"
        raise CheckpointNotFound(f"{reason}; there are: {known}")

    def loaded_checkpoint(self, model: str) -> Checkpoint:
        """Return `name@version`, which is in memory, for a composite that is made of it.

        Raises CheckpointDamaged where it cannot be used, ModelLoading where it may be later.
        """
        if served := self._served.get(model):
            return served.checkpoint
        if model in self._problems and model not in self._retry_at:
            raise CheckpointDamaged(f"member {model} cannot be used: {self._problems[model]}")
        raise ModelLoading(f"member {model} is not loaded")

    def withdraw(self, model: str) -> None:
        """Serve `name@version`, which was deleted, no more: from the next request on; from any thread."""
        with self._snapshot_lock:
            self._withdrawn.add(model)
            self.snapshot = self.snapshot.without(self._withdrawn)

    def refresh(self) -> None:
        """Bring the snapshot up to date with the folder; one thread at a time.

        A checkpoint that cannot be loaded is logged once and reported among the problems until it, or a model that it
        is made of, changes. If it is damaged it is not served either, though it was sound when it was loaded.
        Raises OSError where the folder itself cannot be read; what is served stays.
        """
        refs, unlisted = scan_checkpoints(self._root)
        found = {ref.id: ref for ref in refs}
        for gone in self._fingerprints.keys() - found.keys():
            if parse_model(gone)[0] not in unlisted:
                self._forget(gone)
        parts = {name: self._own_fingerprint_and_members(entry) for name, entry in found.items()}
        prints = {name: joint_fingerprint(name, parts) for name in found}
        pending = _newest_first(entry for name, entry in found.items() if self._must_load(name, prints[name]))
        # Members before what is made of them, which then shares their weights.
        pending.sort(key=lambda entry: len(prints[entry.id]))
        for i, entry in enumerate(pending):
            self._publish(pending[i:], unlisted)
            self._load_checkpoint(entry, prints[entry.id])
        self._publish([], unlisted)
        with self._snapshot_lock:
            self._withdrawn &= found.keys()
        self.has_scanned = True

    def _must_load(self, name: str, fingerprint: tuple[Fingerprint, ...]) -> bool:
        """Return whether a version has changed, or is due to be tried again."""
        return self._fingerprints.get(name) != fingerprint or time.monotonic() >= self._retry_at.get(name, math.inf)

    def _own_fingerprint_and_members(self, entry: CheckpointRef) -> tuple[Fingerprint, tuple[str, ...]]:
        """Return the fingerprint of a checkpoint's files and its members; read its card only after a change."""
        own = own_fingerprint(entry.path)
        known = self._members.get(entry.id)
        if known is None or known[0] != own:
            known = self._members[entry.id] = own, member_ids(entry.path)
        return known

    def _load_checkpoint(self, entry: CheckpointRef, fingerprint: tuple[Fingerprint, ...]) -> None:
        self._fingerprints[entry.id] = fingerprint
        self._retry_at.pop(entry.id, None)
        try:
            _check_own_folder(entry)
            checkpoint = self._load(entry.path)
        except Exception as error:  # the folder is not ours: whatever it holds, the service goes on
            self._note_problem(entry, error)
        else:
            logger.info("serving %s", entry.id)
            self._served[entry.id] = ServedModel(entry, checkpoint)
            self._problems.pop(entry.id, None)

    def _note_problem(self, entry: CheckpointRef, error: Exception) -> None:
        """Report why a version cannot be loaded; serve no longer what is known to be damaged."""
        logger.error("%s cannot be used: %s", entry.id, error, exc_info=not isinstance(error, NextwordError | OSError))
        self._problems[entry.id] = self._plain_message(error)
        if isinstance(error, CheckpointError | InvalidInput):
            self._served.pop(entry.id, None)
        else:
            self._retry_at[entry.id] = time.monotonic() + RETRY_SECONDS

    def _plain_message(self, error: Exception) -> str:
        """Return what is wrong with a version, without the path of the folder: clients read it."""
        if isinstance(error, OSError) and error.strerror:
            return f"it cannot be loaded: {error.strerror}"
        if not isinstance(error, NextwordError):
            return "it cannot be loaded"
        return str(error).replace(f"{self._root.absolute()}/", "").replace(f"{self._root}/", "")

    def _forget(self, name: str) -> None:
        logger.info("%s is gone", name)
        del self._fingerprints[name]
        for known in (self._members, self._served, self._problems, self._retry_at):
            known.pop(name, None)

    def _publish(self, pending: list[CheckpointRef], unlisted: Mapping[str, OSError]) -> None:
        loading = [entry.id for entry in pending if entry.id not in self._served]
        problems = self._problems | {name: f"it cannot be read: {error.strerror}" for name, error in unlisted.items()}
        snapshot = Snapshot.of(self._served.values(), loading, problems)
        with self._snapshot_lock:
            # The one assignment: readers hold the old snapshot or the new one, and neither ever changes.
            self.snapshot = snapshot.without(self._withdrawn) if self._withdrawn else snapshot


def _newest_match(model: str, names: Iterable[str]) -> str | None:
    """Return the newest of `names`, `name@version` or a name alone, that `model` could mean."""
    meant = [name for name in names if model in (name, parse_model(name)[0])]
    return max(meant, key=lambda name: parse_model(name)[1] or 0, default=None)


def _check_own_folder(entry: CheckpointRef) -> None:
    """Raise CheckpointDamaged for a version in a link: what it leads to is not in our hands."""
    for folder in (entry.path.parent, entry.path):
        if folder.is_symlink():
            raise CheckpointDamaged(f"{folder} is a link: a version must be a directory of its own")


def _newest_first(found: Iterable[CheckpointRef]) -> list[CheckpointRef]:
    """Sort so that the newest version of each name comes first, then the second newest of each, and so on."""
    rank: Counter[str] = Counter()

    def turn(entry: CheckpointRef) -> int:
        rank[entry.name] += 1
        return rank[entry.name]

    return sorted(sorted(found, key=lambda entry: -(entry.version or 0)), key=turn)
