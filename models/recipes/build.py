"""A recipe says which text files become which model; building it reads, counts or trains, and measures.

It knows the order of the steps and what is to be told about the result. It does not know how any step works, where
checkpoints are published or who is watching: whoever drives `build` shows its progress, and stops it by not going on.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.checkpoint.card import FileFacts, Provenance, plain
from models.checkpoint.counts_file import COUNTS_FILE, tensors
from models.checkpoint.repository import Entry, check_name
from models.data.corpus import Corpus, EncodedCorpus
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.evaluation.report import measure, measure_int8
from models.language_model import EOS, LanguageModel
from models.neural.model import RecurrentConfig, RecurrentModel
from models.neural.training.config import TrainingConfig
from models.neural.training.state_file import STATE_FILE
from models.neural.training.train import train
from models.ngram.counting.budget import SMALLEST
from models.ngram.counting.counter import Base, Counter, base_of
from models.ngram.counting.counts import Counts
from models.ngram.model import NgramConfig, NgramModel
from models.ngram.smoothing.estimator import tabulate
from models.tokenization.pipeline import TokenKind
from models.tokenization.tokenizer import Tokenizer, TokenizerConfig
from models.utils.progress import Progress


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a model will be; equal recipes and texts give equal models.

    Raises InvalidInput for a value, or two together, that are not accepted.
    """

    name: str
    """What the model will be published as."""
    files: tuple[Path, ...]
    """The training text, read in order as one."""
    model: NgramConfig | RecurrentConfig = field(default_factory=NgramConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    training: TrainingConfig | None = None
    """How a recurrent model is trained, the defaults where nothing is said; an n-gram model has none."""
    validation: Path | None = None
    """A text of its own to measure on."""
    validation_fraction: float = 0.05
    """Without `validation`: the share of the training text, its end, that is held out to measure on. 0 holds out
    nothing and measures nothing, and a recurrent model then keeps its last weights rather than its best."""
    empty_lines: EmptyLines = "keep"
    """Whether an empty line is a line: to `keep` or to `drop`, in training and in measuring."""
    licence: str = "unknown"
    """Of the training text."""
    extends: Path | None = None
    """An n-gram model published with its counts: the text is added to what that one was made of, and read with its
    vocabulary."""
    keep_counts: bool = False
    """Whether an n-gram model's counts are published beside it, so that it can be extended and merged."""
    memory: int | None = None
    """How much memory n-grams are counted in; what does not fit is counted on disk. The model is the same, and takes
    its own memory. Without it, as much as they need."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if not 0 <= self.validation_fraction < 1:
            raise InvalidInput("validation_fraction", "a number from 0 up to but not including 1 is accepted")
        if self.memory is not None and self.memory < SMALLEST:
            raise InvalidInput("memory", f"must be {SMALLEST >> 20} MiB or more")
        if self.extends is not None and self.tokenizer != TokenizerConfig():
            raise InvalidInput("tokenizer", "is that of the model that is extended: leave it out")
        if isinstance(self.model, RecurrentConfig):
            self._check_no_counts()
            object.__setattr__(self, "training", self.training or TrainingConfig())
        elif self.training is not None:
            raise InvalidInput("training", "an n-gram model is counted, not trained: leave it out")

    def _check_no_counts(self) -> None:
        given = {"extends": self.extends, "keep_counts": self.keep_counts, "memory": self.memory}
        for name, value in given.items():
            if value:
                raise InvalidInput(name, "a recurrent model is trained, not counted: leave it out")


@dataclass(frozen=True)
class Built:
    """What a recipe made, ready to be published."""

    recipe: Recipe
    model: LanguageModel
    tokenizer: Tokenizer
    corpus: dict[str, FileFacts]
    """The files it was made from, by name."""
    metrics: dict[str, Any]
    """`training`: tokens, lines, seconds; where text was held out `validation`, what `lines` and `document` say, and
    `int8`, the same of a recurrent model that computes in bytes."""
    counts: Counts | None = None
    """What an n-gram model was made of, where the recipe keeps it."""

    @property
    def beside(self) -> dict[str, dict[str, Tensor]]:
        """The files of tensors that are published with the model, by name."""
        return {} if self.counts is None else {COUNTS_FILE: tensors(self.counts)}

    def provenance(self, command: str) -> Provenance:
        """What the model's card tells of its making; `command` makes it again."""
        recipe, base = plain(asdict(self.recipe)), self.recipe.extends
        if base is not None:
            recipe["extends"] = Entry.at(base).id  # where it lies here is nobody's business
        return Provenance(command, self.recipe.licence, self.corpus, recipe, self.metrics)


def build(
    recipe: Recipe, workdir: Path | None = None, *, save_seconds: float = 60.0
) -> Generator[Progress, None, Built]:
    """Make the model of `recipe`.

    A recurrent training saves its state in `workdir` every `save_seconds`, and goes on from the one it finds there.
    Raises InvalidInput (InvalidText for the text itself) and TrainingFailed.
    """
    began = time.monotonic()
    yield Progress("reading", 0, 0)
    counter = Counter.of(recipe.memory, workdir)
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
        counts = counter.count(encoded.ids, recipe.model.order, tokenizer.size)
        counts = counter.add(base.counts, counts) if base else counts
        model: LanguageModel = NgramModel(recipe.model, tabulate(recipe.model, counts))
    else:
        model, facts = yield from _train(recipe, encoded, held_out, tokenizer, workdir, save_seconds)
    metrics: dict[str, Any] = {"training": _counts(encoded) | facts | {"seconds": round(time.monotonic() - began, 1)}}
    if held_out is not None:
        metrics["validation"] = yield from measure(model, tokenizer, held_out)
    if held_out is not None and isinstance(model, RecurrentModel):
        metrics["int8"] = yield from measure_int8(model, tokenizer, held_out, metrics["validation"])
    corpus = (base.corpus if base else {}) | _facts(recipe)
    return Built(recipe, model, tokenizer, corpus, metrics, counts if recipe.keep_counts else None)


def _base(recipe: Recipe) -> Base | None:
    """What the model that the recipe extends was made of."""
    if recipe.extends is None or not isinstance(recipe.model, NgramConfig):
        return None
    return base_of(recipe.extends, recipe.model.order)


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
        tokenizer.size,
        starts=_line_starts(text.ids, tokenizer),
        resume=workdir if workdir and (workdir / STATE_FILE).exists() else None,
        save=workdir,
        save_seconds=save_seconds,
    )
    return trained.model, {"best_step": trained.step, "steps": trained.steps} | trained.metrics


def _line_starts(ids: NDArray[np.int32], tokenizer: Tokenizer) -> NDArray[np.integer] | None:
    """To a character model a newline is no end, but a text may well begin after one; words have their `</s>`."""
    newline = tokenizer.id("\n") if tokenizer.config.kind == "character" else None
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


def _facts(recipe: Recipe) -> dict[str, FileFacts]:
    """By file name; by the whole path as given where two have the same name."""
    files = [*recipe.files, *([recipe.validation] if recipe.validation else [])]
    names = collections.Counter(path.name for path in files)
    return {path.name if names[path.name] == 1 else str(path): FileFacts.of(path) for path in files}
