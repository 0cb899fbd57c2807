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
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path

from app.core.exceptions import ModelLoading
from app.engine.registry.fingerprint import is_linked
from app.engine.registry.known_versions import KnownVersions
from app.engine.registry.model_memory import UNLIMITED, MemoryLimits, ModelMemory
from app.engine.registry.snapshot import PublishedModel, ServedModel, Snapshot
from models.checkpoint.families import FAMILIES
from models.checkpoint.load import Checkpoint, Families
from models.checkpoint.model_name import near_names, parse_model
from models.checkpoint.repository import CheckpointRef, was_deleted
from models.errors import CheckpointDamaged, CheckpointNotFound

logger = logging.getLogger(__name__)


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
        self._known = KnownVersions(root, families)
        self._pending: list[str] = []
        """Versions that are loaded before anybody may ask for them."""
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
        if not self._known.problem(model) and (published := self._known.published.get(model)):
            self._load_checkpoint(published.ref)
            if served := self._memory.loaded.get(model):
                return served.checkpoint
        problem = self._known.problem(model)
        if problem and not self._known.is_tried_again(model):
            raise CheckpointDamaged(f"member {model} cannot be used: {problem}")
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
        found = self._known.scan()
        with self._state_lock:
            for gone in self._known.gone(found):
                self._known.forget(gone)
                self._memory.remove(gone)
            if self.has_scanned:  # nobody shall wait for what is gone
                self._publish()
        for ref in self._note_changes(found):
            try:
                self._loader.submit(self._load_checkpoint, ref).result()
            except (RuntimeError, CancelledError):  # the registry was closed meanwhile
                return
        with self._state_lock:
            self._withdrawn &= found.keys()
            self.has_scanned = True
            self._publish()

    def _note_changes(self, found: Mapping[str, CheckpointRef]) -> list[CheckpointRef]:
        """Make known which versions have changed; return those that are loaded before anybody asks for them."""
        prints = self._known.look_at(found)
        changed = self._known.changed(found, prints)
        # Members before what is made of them, which then shares their weights.
        awaited = sorted(self._awaited(changed), key=lambda ref: len(prints[ref.id]))
        with self._state_lock:
            for ref in changed:
                self._known.note_changed(ref, prints[ref.id])
            self._pending = [ref.id for ref in awaited]
            self._publish()
        return awaited

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
        for ref in changed:
            is_due = ref.id in loaded or self._known.must_be_loaded(ref)
            if is_due or self._is_pinned(ref) or (self.has_scanned and ref.name in names) or room > 0:
                awaited.append(ref)
                room -= ref.id not in loaded
        return awaited

    def _is_pinned(self, ref: CheckpointRef) -> bool:
        """Return whether a version, or its name, is pinned."""
        return not self._limits.pinned.isdisjoint((ref.id, ref.name))

    def _load_asked(self, model: str) -> ServedModel | None:
        """Load a version that requests wait for, in the thread that loads; None where it cannot be used."""
        try:
            published = self._known.published.get(model)
            if published is not None and model not in self._memory.loaded:
                self._load_checkpoint(published.ref)
            return self._memory.loaded.get(model)
        finally:
            with self._state_lock:
                del self._loading[model]

    def _load_checkpoint(self, ref: CheckpointRef) -> None:
        """Load a version and publish it as one in memory, unless it changes meanwhile."""
        fingerprint = self._known.fingerprint(ref.id)
        try:
            _check_own_folder(ref)
            loaded: Checkpoint | Exception = self._load(ref.path)
        except Exception as error:  # the folder is not ours: whatever it holds, the service goes on
            loaded = error
        with self._state_lock:
            if self._known.fingerprint(ref.id) is fingerprint is not None:
                if isinstance(loaded, Checkpoint):
                    self._note_loaded(ServedModel(ref, loaded))
                elif self._known.note_problem(ref, loaded):
                    self._memory.remove(ref.id)
                if ref.id in self._pending:
                    self._pending.remove(ref.id)
                self._publish()

    def _note_loaded(self, served: ServedModel) -> None:
        """Keep a model in memory, and let go of those for which there is no room any more."""
        logger.info("serving %s", served.id)
        self._known.note_loaded(served)
        self.loads += 1
        for model in self._memory.add(served, self._known.newest(self._limits.pinned)):
            logger.info("%s goes from memory, to make room for %s", model, served.id)
            self.evictions += 1

    def _publish(self) -> None:
        """Replace the snapshot by what is known now; the lock is held."""
        loaded, published, problems = self._memory.loaded, self._known.published, self._known.problems
        waiting = [model for model in self._pending if model not in loaded]
        hidden = {*waiting, *problems} - loaded.keys()
        # Until all have been looked at, a name might mean an older version that happens to be idle.
        shown = published.keys() - hidden if self.has_scanned else loaded.keys()
        snapshot = Snapshot.of((published[model] for model in shown), waiting, problems, loaded)
        # The one assignment: readers hold the old snapshot or the new one, and neither ever changes.
        self.snapshot = snapshot.without(self._withdrawn) if self._withdrawn else snapshot


def _newest_match(model: str, names: Iterable[str]) -> str | None:
    """Return the newest of `names`, `name@version` or a name alone, that `model` could mean."""
    meant = [name for name in names if model in (name, parse_model(name)[0])]
    return max(meant, key=lambda name: parse_model(name)[1] or 0, default=None)


def _check_own_folder(ref: CheckpointRef) -> None:
    """Raise CheckpointDamaged for a version in a link."""
    if is_linked(ref):
        folder = ref.path.parent if ref.path.parent.is_symlink() else ref.path
        raise CheckpointDamaged(f"{folder} is a link: a version must be a directory of its own")
