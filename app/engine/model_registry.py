"""ModelRegistry: the published checkpoints of one folder by name, in memory as far as they are used.

Readers see an immutable Snapshot. A change in the folder replaces it by one assignment: a request keeps its model.
What cannot be examined, loaded or trusted is a problem of one version, and harms no other. One thread loads models, one
at a time: some before anybody asks for them, the others when somebody does.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path

from app.core.exceptions import ModelLoading
from app.engine.fingerprint import CardCatalogue, Fingerprint, is_linked
from app.engine.model_memory import UNLIMITED, MemoryLimits, ModelMemory
from app.engine.snapshot import PublishedModel, ServedModel, Snapshot
from models.checkpoint.families import FAMILIES
from models.checkpoint.load import Checkpoint, Families
from models.checkpoint.model_name import near_names, parse_model
from models.checkpoint.repository import CheckpointRef, scan_checkpoints, was_deleted
from models.errors import CheckpointDamaged, CheckpointError, CheckpointNotFound, InvalidInput, NextwordError

logger = logging.getLogger(__name__)
RETRY_SECONDS = 30.0
"""Pause before a version is tried again that could not be loaded for another reason than its files."""


class ModelRegistry:
    """The checkpoints under `root`, each loaded by `load` as far as `limits` and requests have it."""

    def __init__(
        self,
        root: Path,
        load: Callable[[Path], Checkpoint],
        limits: MemoryLimits = UNLIMITED,
        families: Families = FAMILIES,
    ) -> None:
        self.snapshot = Snapshot()
        self.has_scanned = False
        self.loads = self.evictions = 0
        """How often a model was loaded, and let go to make room for another."""
        self._root = root
        self._load = load
        self._limits = limits
        self._memory = ModelMemory(limits)
        self._fingerprints: dict[str, tuple[Fingerprint, ...]] = {}
        self._cards = CardCatalogue(families)
        self._idle: dict[str, PublishedModel] = {}
        """Models that can be asked, by their cards, whether they are in memory or not."""
        self._problems: dict[str, str] = {}
        self._unlisted: Mapping[str, OSError] = {}
        """Names whose folders cannot be read."""
        self._pending: list[str] = []
        """Versions that are loaded before anybody may ask for them."""
        self._retry_at: dict[str, float] = {}
        """When to try again what failed for another reason than its files, by the monotonic clock."""
        self._withdrawn: set[str] = set()
        """Versions that were deleted, until the folder shows it."""
        self._state_lock = threading.RLock()
        """Held while any of the above changes, up to replacing the snapshot; never while a model is loaded."""
        self._loader = ThreadPoolExecutor(1, "model-loader")
        self._loading: dict[str, Future[ServedModel | None]] = {}

    @property
    def loaded_bytes(self) -> int:
        """Bytes that the models in memory take, about."""
        with self._state_lock:
            return self._memory.bytes

    def find(self, model: str) -> PublishedModel:
        """Return the model of that name, never another: a `name` means its newest version that can be used.

        Raises CheckpointNotFound (naming what is near), ModelLoading or CheckpointDamaged.
        """
        snapshot = self.snapshot
        if found := snapshot.by_name.get(model):
            return found
        if not self.has_scanned or _newest_match(model, snapshot.loading):
            raise ModelLoading(f"model {model!r} is still being loaded")
        if broken := _newest_match(model, snapshot.problems):
            raise CheckpointDamaged(f"model {model!r} cannot be used: {snapshot.problems[broken]}")
        known = near_names(model, [published.id for published in snapshot.models])
        reason = f"model {model!r} was deleted" if was_deleted(self._root, model) else f"there is no model {model!r}"
        raise CheckpointNotFound(f"{reason}; {known}")

    def get(self, model: str) -> ServedModel:
        """Return the model that `find` finds, loaded if it was not in memory, for a thread that may wait.

        Raises as `find` does. What cannot be loaded becomes a problem; a `name` then means an older version.
        """
        while True:
            published = self.find(model)
            if served := self.in_memory(published) or self.start_loading(published.id).result():
                return served

    async def get_soon(self, model: str) -> ServedModel:
        """Do as `get`, for the event loop, which goes on meanwhile."""
        while True:
            published = self.find(model)
            if served := self.in_memory(published):
                return served
            # Others may wait for it, too: a request that ends leaves the loading as it is.
            if served := await asyncio.shield(asyncio.wrap_future(self.start_loading(published.id))):
                return served

    def in_memory(self, published: PublishedModel) -> ServedModel | None:
        """Return a model that is in memory, and note that it is used; None for another."""
        if served := self.snapshot.loaded.get(published.id):
            self._memory.touch(published.id)
        return served

    def start_loading(self, model: str) -> Future[ServedModel | None]:
        """Have `name@version` loaded, once however many ask; the result is None where that fails.

        Raises ModelLoading once the registry is closed.
        """
        with self._state_lock:
            future = self._loading.get(model)
            if future is None:
                try:
                    future = self._loading[model] = self._loader.submit(self._load_asked, model)
                except RuntimeError:
                    raise ModelLoading(f"model {model!r} is not loaded any more: the server is going down") from None
            return future

    def loaded_checkpoint(self, model: str) -> Checkpoint:
        """Return `name@version`, loaded if it was not in memory, for a composite that is made of it.

        Only for the thread that loads the composite. Raises CheckpointDamaged where it cannot be used, ModelLoading
        where it may be later.
        """
        if served := self._memory.loaded.get(model):
            return served.checkpoint
        if model not in self._problems and (published := self._idle.get(model)):
            self._load_checkpoint(published.ref)
            if served := self._memory.loaded.get(model):
                return served.checkpoint
        if model in self._problems and model not in self._retry_at:
            raise CheckpointDamaged(f"member {model} cannot be used: {self._problems[model]}")
        raise ModelLoading(f"member {model} is not loaded")

    def withdraw(self, model: str) -> None:
        """Serve `name@version`, which was deleted, no more: from the next request on; from any thread."""
        with self._state_lock:
            self._withdrawn.add(model)
            self.snapshot = self.snapshot.without(self._withdrawn)

    def close(self) -> None:
        """Load nothing any more."""
        self._loader.shutdown(wait=False, cancel_futures=True)

    def refresh(self) -> None:
        """Bring the snapshot up to date with the folder; one thread at a time.

        A checkpoint that cannot be loaded is logged once and reported among the problems until it, or a model that it
        is made of, changes. If it is damaged it is not served either, though it was sound when it was loaded.
        Raises OSError where the folder itself cannot be read; what is served stays.
        """
        refs, unlisted = scan_checkpoints(self._root)
        found = {ref.id: ref for ref in refs}
        with self._state_lock:
            for gone in self._fingerprints.keys() - found.keys():
                if parse_model(gone)[0] not in unlisted:
                    self._forget(gone)
            if self.has_scanned:  # nobody shall wait for what is gone
                self._publish()
        prints = self._cards.look_at(refs)
        changed = _newest_first(entry for name, entry in found.items() if self._has_changed(name, prints[name]))
        pending = self._awaited(changed)
        # Members before what is made of them, which then shares their weights.
        pending.sort(key=lambda entry: len(prints[entry.id]))
        with self._state_lock:
            for entry in changed:
                self._fingerprints[entry.id] = prints[entry.id]
                self._note_published(entry)
            self._unlisted, self._pending = unlisted, [entry.id for entry in pending]
            self._publish()
        for entry in pending:
            try:
                self._loader.submit(self._load_checkpoint, entry).result()
            except (RuntimeError, CancelledError):  # the registry was closed meanwhile
                return
        with self._state_lock:
            self._withdrawn &= found.keys()
            self.has_scanned = True
            self._publish()

    def _has_changed(self, name: str, fingerprint: tuple[Fingerprint, ...]) -> bool:
        """Return whether a version has changed, or is due to be tried again."""
        return self._fingerprints.get(name) != fingerprint or time.monotonic() >= self._retry_at.get(name, math.inf)

    def _awaited(self, changed: list[CheckpointRef]) -> list[CheckpointRef]:
        """Return which of the versions that have changed are loaded now, before anybody asks for them.

        They are those in memory, broken ones, which may be mended, pinned ones, new versions of what is in memory, and
        as many others as are to be loaded ahead.
        """
        with self._state_lock:
            loaded = dict(self._memory.loaded)
        names = {served.ref.name for served in loaded.values()}
        room = math.inf if self._limits.preload is None else self._limits.preload - len(loaded)
        awaited = []
        for entry in changed:
            is_due = entry.id in loaded or entry.id in self._problems or self._cards.describe(entry) is None
            if is_due or self._is_pinned(entry) or (self.has_scanned and entry.name in names) or room > 0:
                awaited.append(entry)
                room -= entry.id not in loaded
        return awaited

    def _is_pinned(self, entry: CheckpointRef) -> bool:
        """Return whether a version, or its name, is pinned."""
        return not self._limits.pinned.isdisjoint((entry.id, entry.name))

    def _note_published(self, entry: CheckpointRef) -> None:
        """Keep what the card of a changed version tells, which requests can then have loaded."""
        if published := self._cards.describe(entry):
            self._idle[entry.id] = published

    def _load_asked(self, model: str) -> ServedModel | None:
        """Load a version that requests wait for, in the thread that loads; None where it cannot be used."""
        try:
            published = self._idle.get(model)
            if published is not None and model not in self._memory.loaded:
                self._load_checkpoint(published.ref)
            return self._memory.loaded.get(model)
        finally:
            with self._state_lock:
                del self._loading[model]

    def _load_checkpoint(self, entry: CheckpointRef) -> None:
        """Load a version and publish it as one in memory, unless it changes meanwhile."""
        fingerprint = self._fingerprints.get(entry.id)
        try:
            _check_own_folder(entry)
            loaded: Checkpoint | Exception = self._load(entry.path)
        except Exception as error:  # the folder is not ours: whatever it holds, the service goes on
            loaded = error
        with self._state_lock:
            if self._fingerprints.get(entry.id) is fingerprint is not None:
                if isinstance(loaded, Exception):
                    self._note_problem(entry, loaded)
                else:
                    self._note_loaded(ServedModel(entry, loaded))
                if entry.id in self._pending:
                    self._pending.remove(entry.id)
                self._publish()

    def _note_loaded(self, served: ServedModel) -> None:
        """Keep a model in memory, and let go of those for which there is no room any more."""
        logger.info("serving %s", served.id)
        model = served.checkpoint.model
        self._idle[served.id] = PublishedModel(served.ref, served.checkpoint.card, model.capabilities, model.precision)
        self._problems.pop(served.id, None)
        self._retry_at.pop(served.id, None)
        self.loads += 1
        for model_id in self._memory.add(served, self._pinned_ids()):
            logger.info("%s goes from memory, to make room for %s", model_id, served.id)
            self.evictions += 1

    def _pinned_ids(self) -> frozenset[str]:
        """Return the versions that must stay in memory: of a pinned name, the newest."""
        newest: dict[str, PublishedModel] = {}
        for published in self._idle.values():
            if (published.ref.version or 0) >= (newest.get(published.ref.name, published).ref.version or 0):
                newest[published.ref.name] = published
        return frozenset(newest[name].id if name in newest else name for name in self._limits.pinned)

    def _note_problem(self, entry: CheckpointRef, error: Exception) -> None:
        """Report why a version cannot be loaded; serve no longer what is known to be damaged."""
        logger.error("%s cannot be used: %s", entry.id, error, exc_info=not isinstance(error, NextwordError | OSError))
        self._problems[entry.id] = self._plain_message(error)
        self._retry_at.pop(entry.id, None)
        if isinstance(error, CheckpointError | InvalidInput):
            self._memory.remove(entry.id)
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
        for known in (self._idle, self._problems, self._retry_at):
            known.pop(name, None)
        self._cards.forget(name)
        self._memory.remove(name)

    def _publish(self) -> None:
        """Replace the snapshot by what is known now; the lock is held."""
        loaded = self._memory.loaded
        waiting = [model for model in self._pending if model not in loaded]
        problems = self._problems | {
            name: f"it cannot be read: {error.strerror}" for name, error in self._unlisted.items()
        }
        hidden = {*waiting, *problems} - loaded.keys()
        # Until all have been looked at, a name might mean an older version that happens to be idle.
        shown = self._idle.keys() - hidden if self.has_scanned else loaded.keys()
        snapshot = Snapshot.of((self._idle[model] for model in shown), waiting, problems, loaded)
        # The one assignment: readers hold the old snapshot or the new one, and neither ever changes.
        self.snapshot = snapshot.without(self._withdrawn) if self._withdrawn else snapshot


def _newest_match(model: str, names: Iterable[str]) -> str | None:
    """Return the newest of `names`, `name@version` or a name alone, that `model` could mean."""
    meant = [name for name in names if model in (name, parse_model(name)[0])]
    return max(meant, key=lambda name: parse_model(name)[1] or 0, default=None)


def _check_own_folder(entry: CheckpointRef) -> None:
    """Raise CheckpointDamaged for a version in a link."""
    if is_linked(entry):
        folder = entry.path.parent if entry.path.parent.is_symlink() else entry.path
        raise CheckpointDamaged(f"{folder} is a link: a version must be a directory of its own")


def _newest_first(found: Iterable[CheckpointRef]) -> list[CheckpointRef]:
    """Sort so that the newest version of each name comes first, then the second newest of each, and so on."""
    rank: Counter[str] = Counter()

    def turn(entry: CheckpointRef) -> int:
        rank[entry.name] += 1
        return rank[entry.name]

    return sorted(sorted(found, key=lambda entry: -(entry.version or 0)), key=turn)
