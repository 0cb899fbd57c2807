"""Snapshot of the models at one moment: published, in memory, awaited or broken. It never changes.

`PublishedModel` is what a card tells of a model; `ServedModel` is one in memory, which answers requests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self

from models.checkpoint.card import Card
from models.checkpoint.load import Checkpoint
from models.checkpoint.model_name import parse_model
from models.checkpoint.repository import CheckpointRef
from models.model import Capability


@dataclass(frozen=True)
class PublishedModel:
    """Published checkpoint, in memory or not, by its card."""

    ref: CheckpointRef
    card: Card
    capabilities: frozenset[Capability]
    """What it can be asked."""
    precision: str
    """Numbers that it computes with."""

    @property
    def id(self) -> str:
        """Return the model's id, `name@version`."""
        return self.ref.id

    @cached_property
    def bytes(self) -> int:
        """Size of its files without the card."""
        return sum(file.size for file in self.card.files.values())


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
    """The models at one moment: those that can be asked, are awaited or broken, or are in memory."""

    models: tuple[PublishedModel, ...] = ()
    """Models that can be asked, by name, then version."""
    loading: tuple[str, ...] = ()
    """`name@version` of what is loaded before anybody may ask, and is not yet."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """`name@version` of what cannot be loaded, and why."""
    loaded: Mapping[str, ServedModel] = field(default_factory=dict)
    """Models in memory, by `name@version`."""
    by_name: Mapping[str, PublishedModel] = field(default_factory=dict)
    """Models that can be asked, under `name@version`, and the newest version under `name` as well."""

    @classmethod
    def of(
        cls,
        models: Iterable[PublishedModel],
        loading: Iterable[str],
        problems: Mapping[str, str],
        loaded: Mapping[str, ServedModel],
    ) -> Self:
        """Return the snapshot of these models, by name and version."""
        ordered = sorted(models, key=lambda model: (model.ref.name, model.ref.version or 0))
        by_name = {model.ref.name: model for model in ordered} | {model.id: model for model in ordered}
        problems, loaded = MappingProxyType(dict(problems)), MappingProxyType(dict(loaded))
        return cls(tuple(ordered), tuple(loading), problems, loaded, MappingProxyType(by_name))

    @property
    def names(self) -> frozenset[str]:
        """Names of all models that are there, loading and broken ones too."""
        ids = (*(model.id for model in self.models), *self.loading, *self.problems)
        return frozenset(parse_model(model)[0] for model in ids)

    def with_loaded(self, loaded: Mapping[str, ServedModel]) -> Self:
        """Return the snapshot with other models in memory; all else stays."""
        return replace(self, loaded=MappingProxyType(dict(loaded)))

    def without(self, names: Collection[str]) -> Self:
        """Return the snapshot without some versions, `name@version` each."""
        return self.of(
            (model for model in self.models if model.id not in names),
            (name for name in self.loading if name not in names),
            {name: problem for name, problem in self.problems.items() if name not in names},
            {name: served for name, served in self.loaded.items() if name not in names},
        )
