"""ModelMemory: the models in memory, how many of their bytes may be there, and which one goes next.

The least recently used goes first. Pinned models stay, and so do the members of a composite that is in memory: letting
go of them would free nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.registry.snapshot import ServedModel
from models.checkpoint.card import Card
from models.checkpoint.counts_file import COUNTS_FILE

OVERHEAD_BYTES = 2_000_000
"""Memory of a model beside its files: indexes, tables of words and workspaces (`benchmarks.service.many_models`)."""


@dataclass(frozen=True)
class MemoryLimits:
    """Limits of what is in memory: models loaded ahead, bytes that may stay, and pinned models."""

    preload: int | None = None
    """Models that are loaded at the start; None: all."""
    max_bytes: int | None = None
    """Most bytes of the models in memory; None: any number."""
    pinned: frozenset[str] = frozenset()
    """Models that are loaded at the start and stay: `name`, its newest version, or `name@version`."""


UNLIMITED = MemoryLimits()


class ModelMemory:
    """Models in memory by `name@version`; a lock of its owner guards all methods but `touch`."""

    def __init__(self, limits: MemoryLimits) -> None:
        self._limits = limits
        self._loaded: dict[str, ServedModel] = {}
        self._used_at: dict[str, float] = {}

    @property
    def loaded(self) -> Mapping[str, ServedModel]:
        """The models in memory."""
        return self._loaded

    @property
    def bytes(self) -> int:
        """Bytes that the models in memory take, about."""
        return sum(memory_bytes(served.checkpoint.card) for served in self._loaded.values())

    def touch(self, model: str) -> None:
        """Note that a model is used now."""
        self._used_at[model] = time.monotonic()

    def add(self, served: ServedModel, pinned: frozenset[str]) -> list[str]:
        """Add a model; return those that were let go for it. `pinned` are the versions that must stay."""
        self._loaded[served.id] = served
        self.touch(served.id)
        evicted: list[str] = []
        while self._limits.max_bytes is not None and self.bytes > self._limits.max_bytes:
            stays = pinned | {served.id} | self._members()
            candidates = [model for model in self._loaded if model not in stays]
            if not candidates:
                break
            evicted.append(min(candidates, key=lambda model: self._used_at.get(model, 0.0)))
            self.remove(evicted[-1])
        return evicted

    def remove(self, model: str) -> None:
        """Let go of a model; requests under way go on with it."""
        self._loaded.pop(model, None)
        self._used_at.pop(model, None)

    def _members(self) -> set[str]:
        """Return the models that models in memory are made of."""
        return {member.model for served in self._loaded.values() for member in served.checkpoint.card.members}


def memory_bytes(card: Card) -> int:
    """Return about how much memory a model takes: that of its files, but for counts, and some more."""
    return OVERHEAD_BYTES + sum(file.size for name, file in card.files.items() if name != COUNTS_FILE)
