"""KnownVersions: what is known of the versions in a folder without having them in memory.

A version can be asked as soon as its card has been read. What cannot be examined, loaded or trusted is a problem of
that version alone, until its files, or those of a model that it is made of, change.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from app.engine.registry.fingerprint import CardCatalogue, Fingerprint
from app.engine.registry.snapshot import PublishedModel, ServedModel
from models.checkpoint.load import Families
from models.checkpoint.model_name import parse_model
from models.checkpoint.repository import CheckpointRef, scan_checkpoints
from models.errors import CheckpointError, InvalidInput, NextwordError

logger = logging.getLogger(__name__)
RETRY_SECONDS = 30.0
"""Pause before a version is tried again that could not be loaded for another reason than its files."""


class KnownVersions:
    """Cards, problems and fingerprints of the versions in a folder; a lock of its owner guards them."""

    def __init__(self, root: Path, families: Families) -> None:
        self.published: dict[str, PublishedModel] = {}
        """Versions that can be asked, by `name@version`, whether they are in memory or not."""
        self._root = root
        self._cards = CardCatalogue(families)
        self._fingerprints: dict[str, tuple[Fingerprint, ...]] = {}
        self._problems: dict[str, str] = {}
        self._unlisted: Mapping[str, OSError] = {}
        """Names whose folders cannot be read."""
        self._retry_at: dict[str, float] = {}
        """When to try again what failed for another reason than its files, by the monotonic clock."""

    @property
    def problems(self) -> dict[str, str]:
        """Reasons why versions, or names, cannot be used."""
        return self._problems | {name: f"it cannot be read: {error.strerror}" for name, error in self._unlisted.items()}

    def scan(self) -> dict[str, CheckpointRef]:
        """Return the versions that the folder has now; raises OSError where it cannot be read."""
        refs, self._unlisted = scan_checkpoints(self._root)
        return {ref.id: ref for ref in refs}

    def gone(self, found: Mapping[str, CheckpointRef]) -> list[str]:
        """Return the versions known that are not in the folder any more."""
        return [
            model for model in self._fingerprints.keys() - found.keys() if parse_model(model)[0] not in self._unlisted
        ]

    def look_at(self, found: Mapping[str, CheckpointRef]) -> dict[str, tuple[Fingerprint, ...]]:
        """Return the fingerprint of each version, its members included, and read the cards that have changed."""
        return self._cards.look_at(found.values())

    def changed(
        self, found: Mapping[str, CheckpointRef], prints: Mapping[str, tuple[Fingerprint, ...]]
    ) -> list[CheckpointRef]:
        """Return the versions that have changed, or are due to be tried again, the newest of each name first."""
        now = time.monotonic()
        return _newest_first(
            ref
            for model, ref in found.items()
            if self._fingerprints.get(model) != prints[model] or now >= self._retry_at.get(model, math.inf)
        )

    def note_changed(self, ref: CheckpointRef, fingerprint: tuple[Fingerprint, ...]) -> None:
        """Keep the fingerprint of a version, and what its card tells."""
        self._fingerprints[ref.id] = fingerprint
        if published := self._cards.describe(ref):
            self.published[ref.id] = published

    def fingerprint(self, model: str) -> tuple[Fingerprint, ...] | None:
        """Return the fingerprint that was kept: the same object until the version changes."""
        return self._fingerprints.get(model)

    def must_be_loaded(self, ref: CheckpointRef) -> bool:
        """Return whether only loading a version tells whether it can be used."""
        return ref.id in self._problems or self._cards.describe(ref) is None

    def problem(self, model: str) -> str | None:
        """Return what is wrong with a version that could not be loaded."""
        return self._problems.get(model)

    def is_tried_again(self, model: str) -> bool:
        """Return whether a version that could not be loaded is tried again though its files stay as they are."""
        return model in self._retry_at

    def note_loaded(self, served: ServedModel) -> None:
        """Keep what a model in memory tells of itself: nothing is wrong with it."""
        model = served.checkpoint.model
        self.published[served.id] = PublishedModel(
            served.ref, served.checkpoint.card, model.capabilities, model.precision
        )
        self._problems.pop(served.id, None)
        self._retry_at.pop(served.id, None)

    def note_problem(self, ref: CheckpointRef, error: Exception) -> bool:
        """Keep and log why a version cannot be loaded; return whether its files are to blame."""
        logger.error("%s cannot be used: %s", ref.id, error, exc_info=not isinstance(error, NextwordError | OSError))
        self._problems[ref.id] = self._plain_message(error)
        self._retry_at.pop(ref.id, None)
        is_damaged = isinstance(error, CheckpointError | InvalidInput)
        if not is_damaged:
            self._retry_at[ref.id] = time.monotonic() + RETRY_SECONDS
        return is_damaged

    def forget(self, model: str) -> None:
        """Forget a version that is gone."""
        logger.info("%s is gone", model)
        for known in (self._fingerprints, self.published, self._problems, self._retry_at):
            known.pop(model, None)
        self._cards.forget(model)

    def newest(self, names: Iterable[str]) -> frozenset[str]:
        """Return the versions that names mean: `name@version` itself, and the newest version of a `name`."""
        newest: dict[str, PublishedModel] = {}
        for published in self.published.values():
            if (published.ref.version or 0) >= (newest.get(published.ref.name, published).ref.version or 0):
                newest[published.ref.name] = published
        return frozenset(newest[name].id if name in newest else name for name in names)

    def _plain_message(self, error: Exception) -> str:
        """Return what is wrong with a version, without the path of the folder: clients read it."""
        if isinstance(error, OSError) and error.strerror:
            return f"it cannot be loaded: {error.strerror}"
        if not isinstance(error, NextwordError):
            return "it cannot be loaded"
        return str(error).replace(f"{self._root.absolute()}/", "").replace(f"{self._root}/", "")


def _newest_first(found: Iterable[CheckpointRef]) -> list[CheckpointRef]:
    """Sort so that the newest version of each name comes first, then the second newest of each, and so on."""
    rank: Counter[str] = Counter()

    def turn(ref: CheckpointRef) -> int:
        rank[ref.name] += 1
        return rank[ref.name]

    return sorted(sorted(found, key=lambda ref: -(ref.version or 0)), key=turn)
