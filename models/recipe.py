"""A recipe says which text files become which model; building it reads, counts or trains, and measures.

It knows the order of the steps and what is to be told about the result. It does not know how any step works, where
checkpoints are published or who is watching: whoever drives `build` shows its progress, and stops it by not going on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.base import EOS, LanguageModel
from models.card import FileFacts, Provenance, plain
from models.catalogue import check_name
from models.corpus import Corpus, EncodedCorpus
from models.errors import InvalidInput
from models.lines import EmptyLines
from models.measuring import measure, measure_int8
from models.ngram import NgramConfig, NgramModel
from models.progress import Progress
from models.recurrent import RecurrentConfig, RecurrentModel
from models.resumption import STATE_FILE
from models.smoothing import estimate
from models.tokenizer import Tokenizer, TokenizerConfig
from models.training import train
from models.training_config import TrainingConfig


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

    def __post_init__(self) -> None:
        check_name(self.name)
        if not 0 <= self.validation_fraction < 1:
            raise InvalidInput("validation_fraction", "a number from 0 up to but not including 1 is accepted")
        if isinstance(self.model, RecurrentConfig):
            object.__setattr__(self, "training", self.training or TrainingConfig())
        elif self.training is not None:
            raise InvalidInput("training", "an n-gram model is counted, not trained: leave it out")


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

    def provenance(self, command: str) -> Provenance:
        """What the model's card tells of its making; `command` makes it again."""
        return Provenance(command, self.recipe.licence, self.corpus, plain(asdict(self.recipe)), self.metrics)


def build(
    recipe: Recipe, workdir: Path | None = None, *, save_seconds: float = 60.0
) -> Generator[Progress, None, Built]:
    """Make the model of `recipe`.

    A recurrent training saves its state in `workdir` every `save_seconds`, and goes on from the one it finds there.
    Raises InvalidInput (InvalidText for the text itself) and TrainingFailed.
    """
    began = time.monotonic()
    yield Progress("reading", 0, 0)
    text, held_out = _texts(recipe)
    tokenizer, encoded = text.learn(recipe.tokenizer)
    if held_out is not None:
        _check_known(held_out, tokenizer)
    model, facts = yield from _fit(recipe, encoded, held_out, tokenizer, workdir, save_seconds)
    metrics: dict[str, Any] = {"training": _counts(encoded) | facts | {"seconds": round(time.monotonic() - began, 1)}}
    if held_out is not None:
        metrics["validation"] = yield from measure(model, tokenizer, held_out)
    if held_out is not None and isinstance(model, RecurrentModel):
        metrics["int8"] = yield from measure_int8(model, tokenizer, held_out, metrics["validation"])
    return Built(recipe, model, tokenizer, _facts(recipe), metrics)


def _texts(recipe: Recipe) -> tuple[Corpus, Corpus | None]:
    """The text to learn from and the one to measure on."""
    kind, empty_lines = recipe.tokenizer.kind, recipe.empty_lines
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


def _fit(
    recipe: Recipe,
    text: EncodedCorpus,
    held_out: Corpus | None,
    tokenizer: Tokenizer,
    workdir: Path | None,
    save_seconds: float,
) -> Generator[Progress, None, tuple[LanguageModel, dict[str, Any]]]:
    """Count or train; the model and what the training itself has to tell."""
    if isinstance(recipe.model, NgramConfig):
        yield Progress("counting", 0, 0)
        return NgramModel(recipe.model, estimate(recipe.model, text.ids, tokenizer.size)), {}
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
    names = Counter(path.name for path in files)
    return {path.name if names[path.name] == 1 else str(path): FileFacts.of(path) for path in files}
