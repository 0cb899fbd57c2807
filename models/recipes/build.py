"""A recipe says which text files become which model; building it reads, counts or trains, and measures.

It knows the order of the steps and what is to be told about the result. It does not know how any step works, where
checkpoints are published or who is watching: whoever drives `build` shows its progress, and stops it by not going on.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.checkpoint.card import FileDigest, Provenance, to_jsonable
from models.checkpoint.counts_file import COUNTS_FILE, counts_tensors
from models.checkpoint.repository import CheckpointRef
from models.data.corpus import Corpus, EncodedCorpus
from models.errors import InvalidInput
from models.evaluation.report import measure_units
from models.language_model import LanguageModel
from models.neural.int8.model import Int8Model
from models.neural.model import RecurrentConfig, RecurrentModel
from models.neural.training.config import TrainingConfig
from models.neural.training.state_file import STATE_FILE
from models.neural.training.train import train
from models.ngram.config import NgramConfig
from models.ngram.counting.counter import NgramCounter
from models.ngram.counting.counts import Counts
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts
from models.recipes.published_counts import PublishedCounts, read_published_counts
from models.recipes.recipe import Recipe
from models.special_tokens import EOS
from models.tokenization.config import TokenKind
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress


def measure_int8(
    model: RecurrentModel, tokenizer: Tokenizer, held_out: Corpus, exact: dict[str, dict[str, Any]]
) -> Generator[Progress, None, dict[str, dict[str, Any]]]:
    """The same figures in int8, and by what share the perplexity is higher than the `exact` one."""
    inexact = Int8Model.from_tensors(model.config(), model.tensors(), model.vocabulary_size)
    figures = yield from measure_units(inexact, tokenizer, held_out)
    for unit, found in figures.items():
        if found["perplexity"] and exact[unit]["perplexity"]:  # both are finite
            found["perplexity_increase"] = found["perplexity"] / exact[unit]["perplexity"] - 1
    return figures


@dataclass(frozen=True)
class BuiltModel:
    """What a recipe made, ready to be published."""

    recipe: Recipe
    model: LanguageModel
    tokenizer: Tokenizer
    corpus: dict[str, FileDigest]
    """The files it was made from, by name."""
    metrics: dict[str, Any]
    """`training`: tokens, lines, seconds; where text was held out `validation`, what `lines` and `document` say, and
    `int8`, the same of a recurrent model that computes in bytes."""
    counts: Counts | None = None
    """What an n-gram model was made of, where the recipe keeps it."""

    @property
    def extra_files(self) -> dict[str, dict[str, Tensor]]:
        """The files of tensors that are published with the model, by name."""
        return {} if self.counts is None else {COUNTS_FILE: counts_tensors(self.counts)}

    def provenance(self, command: str) -> Provenance:
        """What the model's card tells of its making; `command` makes it again."""
        recipe, base = to_jsonable(asdict(self.recipe)), self.recipe.extends
        if base is not None:
            recipe["extends"] = CheckpointRef.from_path(base).id  # where it lies here is nobody's business
        return Provenance(command, self.recipe.licence, self.corpus, recipe, self.metrics)


def build(
    recipe: Recipe, workdir: Path | None = None, *, save_seconds: float = 60.0
) -> Generator[Progress, None, BuiltModel]:
    """Make the model of `recipe`.

    A recurrent training saves its state in `workdir` every `save_seconds`, and goes on from the one it finds there.
    Raises InvalidInput (InvalidText for the text itself) and TrainingFailed.
    """
    began = time.monotonic()
    yield Progress("reading", 0, 0)
    counter = NgramCounter.create(recipe.memory, workdir)
    base = _base(recipe)
    kind = base.tokenizer.config.kind if base else recipe.tokenizer.kind
    text, held_out = _texts(recipe, kind)
    tokenizer, encoded = counter.read(text, recipe.tokenizer, base.tokenizer if base else None)
    if held_out is not None:
        _check_known(held_out, tokenizer)
    facts: dict[str, Any] = {}
    counts = None
    if isinstance(recipe.model, NgramConfig):
        yield Progress("counting", 0, 0)
        counts = counter.count(encoded.ids, recipe.model.order, tokenizer.vocabulary_size)
        counts = counter.add(base.counts, counts) if base else counts
        model: LanguageModel = NgramModel(recipe.model, estimate_from_counts(recipe.model, counts))
    else:
        model, facts = yield from _train(recipe, encoded, held_out, tokenizer, workdir, save_seconds)
    metrics: dict[str, Any] = {"training": _counts(encoded) | facts | {"seconds": round(time.monotonic() - began, 1)}}
    if held_out is not None:
        metrics["validation"] = yield from measure_units(model, tokenizer, held_out)
    if held_out is not None and isinstance(model, RecurrentModel):
        metrics["int8"] = yield from measure_int8(model, tokenizer, held_out, metrics["validation"])
    corpus = (base.corpus if base else {}) | _facts(recipe)
    return BuiltModel(recipe, model, tokenizer, corpus, metrics, counts if recipe.keep_counts else None)


def _base(recipe: Recipe) -> PublishedCounts | None:
    """What the model that the recipe extends was made of."""
    if recipe.extends is None or not isinstance(recipe.model, NgramConfig):
        return None
    return read_published_counts(recipe.extends, recipe.model.order)


def _texts(recipe: Recipe, kind: TokenKind) -> tuple[Corpus, Corpus | None]:
    """The text to learn from and the one to measure on."""
    empty_lines = recipe.empty_lines
    text = Corpus.open(recipe.files, kind=kind, empty_lines=empty_lines)
    if recipe.validation is not None:
        return text, Corpus.open(recipe.validation, kind=kind, empty_lines=empty_lines)
    if recipe.validation_fraction:
        return text.split(recipe.validation_fraction)
    return text, None


def _check_known(held_out: Corpus, tokenizer: Tokenizer) -> None:
    """Raise InvalidInput when no word of the held-out text is known: nothing measured on it would mean anything."""
    for chunk in held_out.chunks():
        encoding = tokenizer.encode(chunk)
        if ((encoding.ids != EOS) & ~encoding.oov).any():
            return
    raise InvalidInput("validation", "the text held out has no token in common with the training text")


def _train(
    recipe: Recipe,
    text: EncodedCorpus,
    held_out: Corpus | None,
    tokenizer: Tokenizer,
    workdir: Path | None,
    save_seconds: float,
) -> Generator[Progress, None, tuple[LanguageModel, dict[str, Any]]]:
    """A recurrent model, and what its training has to tell."""
    assert isinstance(recipe.model, RecurrentConfig)
    yield Progress("reading", 0, 0)
    trained = yield from train(
        recipe.model,
        recipe.training or TrainingConfig(),
        text.ids,
        np.zeros(0, np.int32) if held_out is None else held_out.encode(tokenizer).ids,
        tokenizer.vocabulary_size,
        starts=_line_starts(text.ids, tokenizer),
        resume_from=workdir if workdir and (workdir / STATE_FILE).exists() else None,
        save_to=workdir,
        save_seconds=save_seconds,
    )
    return trained.model, {"best_step": trained.model_step, "steps": trained.steps} | trained.metrics


def _line_starts(ids: NDArray[np.int32], tokenizer: Tokenizer) -> NDArray[np.integer] | None:
    """To a character model a newline is no end, but a text may well begin after one; words have their `</s>`."""
    newline = tokenizer.token_to_id("\n") if tokenizer.config.kind == "character" else None
    if newline is None:
        return None
    return np.flatnonzero(np.concatenate([[newline], ids[:-1]]) == newline)


def _counts(text: EncodedCorpus) -> dict[str, Any]:
    return {
        "token_count": len(text.ids),
        "oov_count": text.oov_count,
        "lines": text.lines,
        "characters": text.characters,
    }


def _facts(recipe: Recipe) -> dict[str, FileDigest]:
    """By file name; by the whole path as given where two have the same name."""
    files = [*recipe.files, *([recipe.validation] if recipe.validation else [])]
    names = collections.Counter(path.name for path in files)
    return {path.name if names[path.name] == 1 else str(path): FileDigest.of(path) for path in files}
