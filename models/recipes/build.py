"""Building a recipe: read the text, count or train, and measure what came out.

`build` is a generator that yields progress, so that its caller can show it, and stop the work by closing it.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.checkpoint.card import FileDigest, Provenance, to_jsonable
from models.checkpoint.counts_file import COUNTS_FILE, counts_tensors
from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.repository import CheckpointRef
from models.data.corpus import Corpus
from models.data.encoded_corpus import EncodedCorpus
from models.errors import InvalidInput
from models.evaluation.evaluator import measure_units
from models.evaluation.reversed_text import measure_reversed_units
from models.language_model import LanguageModel
from models.model import Tensors
from models.neural.config import RecurrentConfig
from models.neural.training.config import STATE_FILE, TrainingConfig
from models.ngram.config import NgramConfig
from models.ngram.counting.counter import NgramCounter
from models.ngram.counting.counts import Counts
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts, fallback_notes
from models.recipes.published_counts import PublishedCounts, read_published_counts
from models.recipes.recipe import Recipe
from models.recipes.refit import add_held_out
from models.special_tokens import EOS, UNK
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress

if TYPE_CHECKING:
    from models.neural.training.world import World

Measure: TypeAlias = Callable[[LanguageModel, Tokenizer, Corpus], Generator[Progress, None, dict[str, dict[str, Any]]]]
"""Function that returns the figures of a model on a text, by unit."""


@dataclass(frozen=True)
class BuiltModel:
    """Outcome of a recipe, ready to be published."""

    recipe: Recipe
    model: LanguageModel
    tokenizer: Tokenizer
    corpus: dict[str, FileDigest]
    """The files it was made from, by name."""
    metrics: dict[str, Any]
    """`training`: tokens, lines, seconds; where text was held out `validation`, the figures by unit (`lines` and
    `document`), and for a model that can compute in int8 `int8`, the figures of that; where an n-gram model was then
    estimated from the whole text, `refit`: the tokens, lines and vocabulary of that; where there is something to tell
    of text or model, `notes`: sentences."""
    counts: Counts | None = None
    """What an n-gram model was made of, where the recipe keeps it."""

    @property
    def extra_files(self) -> dict[str, Tensors]:
        """Files of tensors that are published with the model, by name."""
        return {} if self.counts is None else {COUNTS_FILE: counts_tensors(self.counts.levels)}

    def provenance(self, command: str) -> Provenance:
        """Return what the model's card tells of its making; `command` makes it again."""
        fields, base = to_jsonable(asdict(self.recipe)), self.recipe.extends
        if base is not None:
            fields["extends"] = CheckpointRef.from_path(base).id  # a card holds no path of this machine
        return Provenance(command, self.recipe.licence, self.corpus, fields, self.metrics)


def build(
    recipe: Recipe, workdir: Path | None = None, *, save_seconds: float = 60.0, world: World | None = None
) -> Generator[Progress, None, BuiltModel]:
    """Build the model of `recipe`.

    A recurrent training saves its state in `workdir` every `save_seconds`, and continues from a state that is there.
    The processes of a `world` train one together; its first measures it, and is the one to publish it. Raises
    InvalidInput (InvalidText for the text itself) and TrainingFailed.
    """
    began = time.monotonic()
    yield Progress("reading", 0, 0)
    counter = NgramCounter.create(recipe.memory, workdir)
    base = _read_base(recipe)
    known = base.tokenizer if base else _read_tokenizer(recipe.tokenizer)
    text, held_out = _open_texts(recipe, known.config if known else recipe.tokenizer)
    tokenizer, encoded = _encode(text, recipe, known, counter)
    encoded = encoded.reversed() if recipe.reversed else encoded
    if held_out is not None:
        _check_overlap(held_out, tokenizer, recipe)
    training_metrics: dict[str, Any] = {}
    counts = None
    if isinstance(recipe.model, NgramConfig):
        yield Progress("counting", 0, 0)
        counts = _count(recipe.model.order, encoded, tokenizer, counter, base)
        model: LanguageModel = _estimate(recipe, counts, tokenizer, counter)
    else:
        work = _train(recipe, encoded, held_out, tokenizer, workdir, save_seconds, world)
        model, training_metrics = yield from work
    seconds = {"seconds": round(time.monotonic() - began, 1)}
    metrics: dict[str, Any] = {"training": encoded.sizes | training_metrics | seconds}
    if notes := text.notes + encoded.notes:
        metrics["notes"] = notes
    if held_out is not None and (world is None or world.is_first):
        measure = measure_reversed_units if recipe.reversed else measure_units
        metrics |= yield from _measure(model, tokenizer, held_out, _trimming(measure, counter))
    if counts is not None and held_out is not None and recipe.is_refitted:
        del model  # measured, and as large as its counts
        yield Progress("counting", 0, 0)
        whole = add_held_out(recipe, tokenizer, counts, encoded.sizes, held_out, counter)
        tokenizer, counts = whole.tokenizer, whole.counts
        model = _estimate(recipe, counts, tokenizer, counter)
        metrics["refit"] = whole.sizes
    if isinstance(model, NgramModel) and (notes := _estimation_notes(model, tokenizer, counts)):
        metrics["notes"] = [*metrics.get("notes", []), *notes]
    published_counts = counts if recipe.keep_counts else None
    return BuiltModel(recipe, model, tokenizer, _corpus_digests(recipe, base), metrics, published_counts)


def _count(
    order: int, text: EncodedCorpus, tokenizer: Tokenizer, counter: NgramCounter, base: PublishedCounts | None
) -> Counts:
    """Count the n-grams of the text, and add the counts of the model that the recipe extends."""
    counts = counter.count(text.ids, order, tokenizer.vocabulary_size)
    return counter.add(base.counts, counts) if base else counts


def _corpus_digests(recipe: Recipe, base: PublishedCounts | None) -> dict[str, FileDigest]:
    """Return the digests of the files of the recipe, and of the model that it extends."""
    files = [*recipe.files, *([recipe.validation] if recipe.validation else [])]
    return (base.corpus if base else {}) | file_digests(files)


def _estimate(recipe: Recipe, counts: Counts, tokenizer: Tokenizer, counter: NgramCounter) -> NgramModel:
    """Estimate an n-gram model."""
    assert isinstance(recipe.model, NgramConfig)
    closed, scratch = tokenizer.config.closed, counter.scratch
    model = NgramModel(recipe.model, estimate_from_counts(recipe.model, counts, closed=closed, scratch=scratch))
    if scratch.is_limited:
        model.max_index_bytes = scratch.room("a vocabulary of this size") // 2
    return model


def _estimation_notes(model: NgramModel, tokenizer: Tokenizer, counts: Counts | None) -> list[str]:
    """Return what a user should know of an estimate, a sentence each."""
    notes = fallback_notes(model.ngram_config, model.table)
    unknown = 0 if counts is None else int(counts.levels[0].count[UNK])
    if tokenizer.config.closed and unknown:
        notes.append(f"n-grams that hold one of the {unknown:,} unknown words are left out of the closed vocabulary")
    return notes


def _read_base(recipe: Recipe) -> PublishedCounts | None:
    """Return the counts of the model that the recipe extends."""
    if recipe.extends is None or not isinstance(recipe.model, NgramConfig):
        return None
    return read_published_counts(recipe.extends, recipe.model.order)


def _read_tokenizer(config: TokenizerConfig) -> Tokenizer | None:
    """Return the tokenizer of the recipe's file, None where the training text makes one."""
    return None if config.file is None else Tokenizer.train(config, ())


def _open_texts(recipe: Recipe, config: TokenizerConfig) -> tuple[Corpus, Corpus | None]:
    """Open the text to learn from, and the held-out text where there is one."""
    empty_lines, encoding = recipe.empty_lines, recipe.encoding
    text = Corpus.open(recipe.files, config=config, empty_lines=empty_lines, encoding=encoding)
    if recipe.validation is not None:
        return text, Corpus.open(recipe.validation, config=config, empty_lines=empty_lines, encoding=encoding)
    return text.split(recipe.validation_fraction) if recipe.validation_fraction else (text, None)


def _encode(
    text: Corpus, recipe: Recipe, known: Tokenizer | None, counter: NgramCounter
) -> tuple[Tokenizer, EncodedCorpus]:
    """Encode the text with the known tokenizer or a newly trained one; limited memory puts ids on disk."""
    if counter.memory is None and known is None:
        return text.train_tokenizer(recipe.tokenizer)
    tokenizer = known or Tokenizer.train(recipe.tokenizer, counter.read(text.chunks()))
    counter.check_vocabulary(tokenizer.vocabulary_size)
    return tokenizer, text.encode(tokenizer, counter.scratch)


def _check_overlap(held_out: Corpus, tokenizer: Tokenizer, recipe: Recipe) -> None:
    """Raise InvalidInput when no word of the held-out text is known: its figures would mean nothing."""
    for chunk in held_out.chunks():
        encoding = tokenizer.encode(chunk)
        if ((encoding.ids != EOS) & ~encoding.oov).any():
            return
    if recipe.validation is None:
        reason = "must hold out a text with a token of the rest: hold out more of it, or nothing, with 0"
        raise InvalidInput("validation_fraction", reason)
    raise InvalidInput("validation", "must be a text that has a token in common with the training text")


def _train(
    recipe: Recipe,
    text: EncodedCorpus,
    held_out: Corpus | None,
    tokenizer: Tokenizer,
    workdir: Path | None,
    save_seconds: float,
    world: World | None,
) -> Generator[Progress, None, tuple[LanguageModel, dict[str, Any]]]:
    """Train a recurrent model; return it with the metrics of its training."""
    # Here, because they import PyTorch: counting a text takes less time than that does.
    from models.neural.training.train import train
    from models.neural.training.world import ALONE

    assert isinstance(recipe.model, RecurrentConfig)
    yield Progress("reading", 0, 0)
    validation = np.zeros(0, np.int32)
    if held_out is not None:
        encoded = held_out.encode(tokenizer)
        validation = (encoded.reversed() if recipe.reversed else encoded).ids
    result = yield from train(
        recipe.model,
        recipe.training or TrainingConfig(),
        text.ids,
        validation,
        tokenizer.vocabulary_size,
        text_starts=_text_starts(text.ids, tokenizer),
        world=world or ALONE,
        resume_from=workdir if workdir and (workdir / STATE_FILE).exists() else None,
        save_to=workdir,
        save_seconds=save_seconds,
    )
    processes = {"processes": world.size} if world and not world.is_alone else {}
    return result.model, {"best_step": result.model_step, "steps": result.steps} | processes | result.metrics


def _text_starts(ids: NDArray[np.int32], tokenizer: Tokenizer) -> NDArray[np.integer] | None:
    """Return the positions after newlines and `</s>` for a character tokenizer, None for others.

    To a character model a newline is no end, but a text may well begin after one; words have their `</s>`.
    """
    newline = tokenizer.token_to_id("\n") if tokenizer.config.kind == "character" else None
    if newline is None:
        return None
    before = np.concatenate([[newline], ids[:-1]])
    return np.flatnonzero((before == newline) | (before == EOS))


def _trimming(measure: Measure, counter: NgramCounter) -> Measure:
    """Return `measure` with a look at the memory after each step."""

    def measure_and_trim(
        model: LanguageModel, tokenizer: Tokenizer, text: Corpus
    ) -> Generator[Progress, None, dict[str, dict[str, Any]]]:
        steps = measure(model, tokenizer, text)
        while True:
            try:
                progress = next(steps)
            except StopIteration as finished:
                figures: dict[str, dict[str, Any]] = finished.value
                return figures
            counter.scratch.trim()
            yield progress

    return measure_and_trim


def _measure(
    model: LanguageModel, tokenizer: Tokenizer, held_out: Corpus, measure: Measure
) -> Generator[Progress, None, dict[str, dict[str, Any]]]:
    """Measure a model on held-out text, and in int8 too where its family can compute in that."""
    exact = yield from measure(model, tokenizer, held_out)
    int8_family = FAMILIES_BY_PRECISION["int8"][model.kind]
    if int8_family is FAMILIES_BY_PRECISION["float32"][model.kind]:
        return {"validation": exact}
    int8_model = int8_family.from_tensors(model.config(), model.tensors(), model.vocabulary_size)
    assert isinstance(int8_model, LanguageModel)
    figures = yield from measure(int8_model, tokenizer, held_out)
    for unit, unit_figures in figures.items():
        if unit_figures["perplexity"] and exact[unit]["perplexity"]:  # both are finite
            unit_figures["perplexity_increase"] = unit_figures["perplexity"] / exact[unit]["perplexity"] - 1
    return {"validation": exact, "int8": figures}


def file_digests(files: Sequence[Path]) -> dict[str, FileDigest]:
    """Return the digests of files by name, and by the path as given where two have the same name."""
    names = collections.Counter(path.name for path in files)
    return {path.name if names[path.name] == 1 else str(path): FileDigest.of(path) for path in files}
