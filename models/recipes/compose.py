"""Composing published models into a mixture or a cache: load the members, fit weights, measure.

`compose` is a generator that yields progress, so that its caller can show it, and stop the work by closing it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.checkpoint.card import FileDigest, Provenance, to_jsonable
from models.checkpoint.load import Checkpoint, load, shared_tokenizer
from models.checkpoint.repository import CheckpointRef, resolve
from models.composite.cache import CacheModel
from models.composite.config import CacheConfig, MixtureConfig, NeuralCacheConfig
from models.composite.mixture import MixtureModel
from models.composite.mixture_weights import fit_weights, score_by_member
from models.composite.neural_cache import NeuralCacheModel
from models.data.corpus import Corpus
from models.errors import CheckpointNotFound, InvalidInput
from models.evaluation.evaluator import check_unit, measure_units
from models.language_model import LanguageModel
from models.model import CompositeModel
from models.recipes.recipe import CompositeConfig, Composition
from models.tasks.fill_in.config import LanguageModelPairConfig
from models.tasks.fill_in.evaluate import evaluate_fill_in
from models.tasks.fill_in.pair import LanguageModelPair
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress, with_progress

_FAMILIES: dict[type[CompositeConfig], type[CompositeModel]] = {
    MixtureConfig: MixtureModel,
    CacheConfig: CacheModel,
    NeuralCacheConfig: NeuralCacheModel,
    LanguageModelPairConfig: LanguageModelPair,
}


@dataclass(frozen=True)
class ComposedModel:
    """Outcome of a composition, ready to be published."""

    composition: Composition
    model: CompositeModel
    tokenizer: Tokenizer
    members: tuple[CheckpointRef, ...]
    """Where its members lie."""
    licences: tuple[str, ...]
    """Of the texts that the members learned from."""
    metrics: dict[str, Any]
    """`fit`: the weights and what they were fitted to; `validation`: the figures by unit, `lines` and `document`, or of
    a pair how well it tells masked words."""

    def provenance(self, command: str) -> Provenance:
        """Return what the model's card tells of its making; `command` makes it again."""
        text = self.composition.validation
        corpus = {text.name: FileDigest.of(text)} if text else {}
        fields = to_jsonable(asdict(self.composition))
        return Provenance(command, "; ".join(self.licences), corpus, fields, self.metrics)


def compose(composition: Composition, library: Path) -> Generator[Progress, None, ComposedModel]:
    """Build the model of `composition` from what is published under `library`.

    Raises InvalidInput (InvalidText for the text itself), CheckpointDamaged and TrainingFailed.
    """
    composition.check()
    began = time.monotonic()
    yield Progress("reading", 0, 0)
    refs = [_resolve_published(library, name) for name in composition.members]
    checkpoints = [load(ref.path) for ref in refs]
    tokenizer = shared_tokenizer((ref.id, part.tokenizer) for ref, part in zip(refs, checkpoints, strict=True))
    _check_directions(composition.model, checkpoints)
    check_unit(composition.unit, tokenizer)
    held_out = _open_held_out(composition, tokenizer)
    members = [checkpoint.member_model for checkpoint in checkpoints]
    model, metrics = yield from _fit_and_make(composition, members, tokenizer, held_out)
    if held_out is not None and isinstance(model, LanguageModel):
        metrics["validation"] = yield from measure_units(model, tokenizer, held_out)
    elif held_out is not None and isinstance(model, LanguageModelPair):
        metrics["validation"] = yield from with_progress(evaluate_fill_in(model, tokenizer, held_out))
    metrics["seconds"] = round(time.monotonic() - began, 1)
    licences = tuple(dict.fromkeys(checkpoint.card.provenance.licence for checkpoint in checkpoints))
    return ComposedModel(composition, model, tokenizer, tuple(refs), licences, metrics)


def _open_held_out(composition: Composition, tokenizer: Tokenizer) -> Corpus | None:
    """Open the text that weights are fitted to, where there is one."""
    if composition.validation is None:
        return None
    empty_lines, encoding = composition.empty_lines, composition.encoding
    return Corpus.open(composition.validation, config=tokenizer.config, empty_lines=empty_lines, encoding=encoding)


def make_composite(config: CompositeConfig, members: Sequence[LanguageModel]) -> CompositeModel:
    """Make the composite of `members` that `config` describes; InvalidInput where they do not fit."""
    return _FAMILIES[type(config)].from_members(asdict(config), members)


def _fit_and_make(
    composition: Composition, members: list[LanguageModel], tokenizer: Tokenizer, held_out: Corpus | None
) -> Generator[Progress, None, tuple[CompositeModel, dict[str, Any]]]:
    """Make the composite, its weights fitted where none are given; return it with the metrics of the fit."""
    config = composition.model
    if held_out is None or config != MixtureConfig():
        return make_composite(config, members), {}
    ids = held_out.encode(tokenizer).ids
    scores = yield from with_progress(score_by_member(members, ids, composition.unit), "fitting")
    fit = fit_weights(scores)
    metrics = {"fit": to_jsonable(asdict(fit)) | {"unit": composition.unit}}
    return make_composite(MixtureConfig(fit.weights), members), metrics


def _check_directions(config: CompositeConfig, checkpoints: Sequence[Checkpoint]) -> None:
    """Raise InvalidInput unless all members read from left to right, but for the second one of a pair."""
    is_pair = isinstance(config, LanguageModelPairConfig)
    for number, checkpoint in enumerate(checkpoints):
        from_right = is_pair and number == 1
        if checkpoint.card.reads_backward != from_right:
            side = "right to left (its recipe says reversed)" if from_right else "left to right"
            raise InvalidInput("members", f"member {number + 1} must be a model that reads from {side}")


def _resolve_published(library: Path, name: str) -> CheckpointRef:
    """Return the checkpoint of a published model. Raises InvalidInput for a path and for an unknown name."""
    if "/" in name or name.startswith("."):
        raise InvalidInput("members", f"must be names of published models, and {name!r} is a path")
    try:
        return resolve(library, name)
    except CheckpointNotFound as error:
        raise InvalidInput("members", str(error)) from error
