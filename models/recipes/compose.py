"""A composition says which published models become which new one: a mixture of them, or a cache over one.

It knows the order of the steps: open the members, fit weights where none are given, measure. It does not know how any
step works, nor who asked; whoever drives `compose` shows its progress, and stops it by not going on.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.checkpoint.card import FileDigest, Provenance, to_jsonable
from models.checkpoint.members import shared_tokenizer
from models.checkpoint.repository import CheckpointRef, resolve
from models.checkpoint.save import Checkpoint, load
from models.composite.base import Composite
from models.composite.cache import CacheModel
from models.composite.config import CacheConfig, MixtureConfig, NeuralCacheConfig
from models.composite.mixture import MixtureModel
from models.composite.mixture_weights import fit_weights, score_by_member
from models.composite.neural_cache import NeuralCacheModel
from models.data.corpus import Corpus
from models.errors import CheckpointNotFound, InvalidInput
from models.evaluation.evaluator import check_unit
from models.evaluation.report import measure_units
from models.language_model import LanguageModel
from models.recipes.recipe import CompositeConfig, Composition
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress, with_progress

_FAMILIES: dict[type[CompositeConfig], type[Composite]] = {
    MixtureConfig: MixtureModel,
    CacheConfig: CacheModel,
    NeuralCacheConfig: NeuralCacheModel,
}


@dataclass(frozen=True)
class ComposedModel:
    """What a composition made, ready to be published."""

    composition: Composition
    model: Composite
    tokenizer: Tokenizer
    members: tuple[CheckpointRef, ...]
    """Where its members lie."""
    licences: tuple[str, ...]
    """Of the texts that the members learned from."""
    metrics: dict[str, Any]
    """`fit`: the weights and what they were fitted to; `validation`: what `lines` and `document` say."""

    def provenance(self, command: str) -> Provenance:
        """What the model's card tells of its making; `command` makes it again."""
        text = self.composition.validation
        corpus = {text.name: FileDigest.of(text)} if text else {}
        return Provenance(
            command, "; ".join(self.licences), corpus, to_jsonable(asdict(self.composition)), self.metrics
        )


def compose(composition: Composition, library: Path) -> Generator[Progress, None, ComposedModel]:
    """Make the model of `composition` from what is published under `library`.

    Raises InvalidInput (InvalidText for the text itself), CheckpointDamaged and TrainingFailed.
    """
    composition.check()
    began = time.monotonic()
    yield Progress("reading", 0, 0)
    entries = [_published(library, name) for name in composition.members]
    opened = [load(entry.path) for entry in entries]
    tokenizer = shared_tokenizer((entry.id, part.tokenizer) for entry, part in zip(entries, opened, strict=True))
    check_unit(composition.unit, tokenizer)
    held_out = _held_out(composition, tokenizer)
    model, metrics = yield from _assembled(composition, [part.model for part in opened], tokenizer, held_out)
    if held_out is not None:
        metrics["validation"] = yield from measure_units(model, tokenizer, held_out)
    metrics["seconds"] = round(time.monotonic() - began, 1)
    return ComposedModel(composition, model, tokenizer, tuple(entries), _licences(opened), metrics)


def make_composite(config: CompositeConfig, members: Sequence[LanguageModel]) -> Composite:
    """The model that `config` makes of `members`. Raises InvalidInput where it cannot."""
    return _FAMILIES[type(config)].from_members(asdict(config), members)


def _assembled(
    composition: Composition, members: list[LanguageModel], tokenizer: Tokenizer, held_out: Corpus | None
) -> Generator[Progress, None, tuple[Composite, dict[str, Any]]]:
    """The model, its weights fitted where none are given, and what the fit has to tell."""
    config = composition.model
    if held_out is None or config != MixtureConfig():
        return make_composite(config, members), {}
    ids = held_out.encode(tokenizer).ids
    scores = yield from with_progress(score_by_member(members, ids, composition.unit), "fitting")
    found = fit_weights(scores)
    return make_composite(MixtureConfig(found.weights), members), {
        "fit": to_jsonable(asdict(found)) | {"unit": composition.unit}
    }


def _published(library: Path, name: str) -> CheckpointRef:
    """Raises InvalidInput for what is not published there."""
    if "/" in name or name.startswith("."):
        raise InvalidInput("members", f"must be names of published models, and {name!r} is a path")
    try:
        entry = resolve(library, name)
    except CheckpointNotFound as error:
        raise InvalidInput("members", str(error)) from error
    return entry


def _held_out(composition: Composition, tokenizer: Tokenizer) -> Corpus | None:
    if composition.validation is None:
        return None
    return Corpus.open(composition.validation, kind=tokenizer.config.kind, empty_lines=composition.empty_lines)


def _licences(opened: list[Checkpoint]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.card.provenance.licence for part in opened))
