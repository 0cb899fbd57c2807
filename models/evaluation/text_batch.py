"""Evaluations of many short texts together: `evaluate_texts`.

An `Evaluator` for each costs some hundred microseconds, however short its text. Texts of a model that `</s>` resets are
encoded and scored together instead, as rows laid end to end, which changes no number: each row begins where a text by
itself does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.data.line_reader import EmptyLines
from models.data.paragraph_reader import open_reader
from models.errors import InvalidText
from models.evaluation.evaluator import CHUNK_BYTES, Evaluator
from models.evaluation.metrics import Evaluation, Scores, Unit
from models.evaluation.text_size import word_count
from models.inference.prefill import Runtime
from models.inference.scoring import score_flat
from models.language_model import LanguageModel
from models.tokenization.encoding import BatchEncoding, Encoding
from models.tokenization.raw_text import check_unicode
from models.tokenization.tokenizer import Tokenizer

Outcome: TypeAlias = Evaluation | InvalidText
Sums: TypeAlias = NDArray[np.float64]
BATCH_CHARACTERS = CHUNK_BYTES
"""Characters of the texts that are encoded together, at most, unless a single text has more."""


def evaluate_texts(
    model: LanguageModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    unit: Unit,
    empty_lines: EmptyLines = "keep",
    runtime: Runtime | None = None,
    *,
    bos: bool = True,
    eos: bool = True,
) -> Generator[int, None, list[Outcome]]:
    """Evaluate each text by itself, with an error in the place of one that cannot be scored.

    Yields the size of each chunk in tokens. Raises InvalidInput as `Evaluator` does.
    """
    evaluator = partial(Evaluator, model, tokenizer, unit, empty_lines, runtime, bos=bos, eos=eos)
    nothing = evaluator().nothing
    is_joint = model.resets_at_eos and not model.adaptive and bos and eos and tokenizer.config.kind == "word"
    outcomes: list[Outcome] = []
    while len(outcomes) < len(texts):
        batch = _take(texts, len(outcomes)) if is_joint else []
        if batch:
            outcomes += yield from _evaluate_together(model, tokenizer, batch, nothing, runtime)
        else:
            outcomes.append((yield from _evaluate_alone(evaluator(), texts[len(outcomes)])))
    return outcomes


def _take(texts: Sequence[str], begin: int) -> list[str]:
    """Return the next texts that are encoded together; none where the next is too long."""
    characters, end = 0, begin
    while end < len(texts) and (characters := characters + len(texts[end])) <= BATCH_CHARACTERS:
        end += 1
    return list(texts[begin:end])


def _evaluate_alone(evaluator: Evaluator, text: str) -> Generator[int, None, Outcome]:
    try:
        yield from evaluator.feed(text)
        return (yield from evaluator.finish())
    except InvalidText as error:
        return error


def _evaluate_together(
    model: LanguageModel, tokenizer: Tokenizer, texts: Sequence[str], nothing: Evaluation, runtime: Runtime | None
) -> Generator[int, None, list[Outcome]]:
    cleaned = [_clean(tokenizer, text, nothing.empty_lines) for text in texts]
    good = [text for text in cleaned if isinstance(text, str)]
    if not good:
        return [text for text in cleaned if isinstance(text, InvalidText)]
    batch = tokenizer.encode_batch(good)
    scores = yield from score_flat(model, model.begin_state(1), batch.ids, batch.ends, runtime)
    evaluations = iter(_evaluations(nothing, tokenizer, good, batch, scores))
    return [text if isinstance(text, InvalidText) else next(evaluations) for text in cleaned]


def _clean(tokenizer: Tokenizer, text: str, empty_lines: EmptyLines) -> str | InvalidText:
    """Return a text as the tokenizer reads it, or why it cannot be scored."""
    try:
        reader = open_reader(tokenizer.config, empty_lines)
        cleaned = reader.feed(check_unicode(text).encode()) + reader.finish()
    except InvalidText as error:
        return error
    return cleaned or InvalidText("text", "must hold something to score")


def _evaluations(
    nothing: Evaluation, tokenizer: Tokenizer, texts: Sequence[str], batch: BatchEncoding, scores: Scores
) -> Iterator[Evaluation]:
    """Yield the evaluation of each text, from the scores [T] of all; sums are taken of all texts at once."""
    sums = _sums_by_text(batch, scores, _spelling(tokenizer, texts, batch))
    for text, *figures in zip(texts, *sums.values(), strict=True):
        values: dict[str, Any] = dict(zip(sums, figures, strict=True))
        values |= {"characters": len(text), "byte_count": len(text.encode()), "word_count": word_count(text)}
        yield replace(nothing, line_count=text.count("\n"), **values)


def _spelling(tokenizer: Tokenizer, texts: Sequence[str], batch: BatchEncoding) -> Sums:
    """Return log P of the spelling of each token [T], 0 of those in the vocabulary."""
    spelling = np.zeros(len(batch.ids))
    if batch.oov.any():
        encoding = Encoding(batch.ids, batch.oov)
        spelling[batch.oov] = tokenizer.speller.logprobs(tokenizer.unknown_forms("".join(texts), encoding))
    return spelling


def _sums_by_text(batch: BatchEncoding, scores: Scores, spelling: Sums) -> dict[str, list[Any]]:
    """Return what `Evaluation.add_tokens` sums, by name, and the spelling: a value for each text."""
    oov, possible, begins = batch.oov, np.isfinite(scores), batch.ends - batch.lengths
    finite = np.where(possible, scores, 0).astype(np.float64)
    by_token = {
        "token_count": np.ones(len(scores), np.int64),
        "oov_count": oov.astype(np.int64),
        "known_logprob": np.where(oov, 0, finite),
        "oov_logprob": np.where(oov, finite, 0),
        "spelling_logprob": spelling,
        "known_zeros": (~possible & ~oov).astype(np.int64),
        "oov_zeros": (~possible & oov).astype(np.int64),
    }
    return {name: np.add.reduceat(values, begins).tolist() for name, values in by_token.items()}
