"""Evaluations of many short texts together: `evaluate_texts`, and `sum_texts` for thousands.

An `Evaluator` for each costs some hundred microseconds, however short its text. Texts are encoded and scored together
instead, as rows laid end to end, which changes no number: each row begins where a text by itself does.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.data.line_reader import EmptyLines
from models.data.whole_text import clean_all
from models.errors import InvalidText
from models.evaluation.evaluator import CHUNK_BYTES, Evaluator
from models.evaluation.metrics import SUMMED_FIELDS, Evaluation, Scores, Unit
from models.evaluation.text_size import word_counts
from models.inference.prefill import Runtime
from models.inference.scoring import score_flat, score_row
from models.language_model import LanguageModel
from models.special_tokens import EOS
from models.tokenization.encoding import Encoding
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Offsets

Outcome: TypeAlias = Evaluation | InvalidText
BATCH_CHARACTERS = CHUNK_BYTES
"""Characters of the texts that are encoded together, at most, unless a single text has more."""


class TextSums(NamedTuple):
    """Sums over each of N texts.

    sums: [N] by name, those of `SUMMED_FIELDS`; 0 for a text that cannot be scored.
    errors: why a text cannot be scored, by its position.
    """

    sums: dict[str, list[Any]]
    errors: dict[int, InvalidText]


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
    nothing = Evaluator(model, tokenizer, unit, empty_lines, runtime, bos=bos, eos=eos).nothing
    sums, errors = yield from sum_texts(model, tokenizer, texts, unit, empty_lines, runtime, bos=bos, eos=eos)
    rows = zip(*sums.values(), strict=True)
    return [errors[i] if i in errors else nothing.with_sums(row) for i, row in enumerate(rows)]


def sum_texts(
    model: LanguageModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    unit: Unit,
    empty_lines: EmptyLines = "keep",
    runtime: Runtime | None = None,
    *,
    bos: bool = True,
    eos: bool = True,
) -> Generator[int, None, TextSums]:
    """Return the sums of `evaluate_texts`, which yields and raises alike, as lists of numbers."""
    make_evaluator = partial(Evaluator, model, tokenizer, unit, empty_lines, runtime, bos=bos, eos=eos)
    make_evaluator()  # a wrong unit is told even where there is no text
    is_joint = not model.adaptive and bos and eos and tokenizer.config.kind == "word"
    columns: list[list[Any]] = [[] for _ in SUMMED_FIELDS]
    errors: dict[int, InvalidText] = {}
    while (begin := len(columns[0])) < len(texts):
        batch = _take(texts, begin) if is_joint else []
        if batch:
            together, wrong = _clean_all(tokenizer, batch, empty_lines)
            parts = yield from _sum_together(model, tokenizer, together, unit, runtime)
        else:
            batch = [texts[begin]]
            parts, wrong = yield from _sum_alone(make_evaluator(), batch[0])
        errors |= {begin + i: error for i, error in wrong.items()}
        for column, part in zip(columns, parts, strict=True):
            column += part
    return TextSums(dict(zip(SUMMED_FIELDS, columns, strict=True)), errors)


def _take(texts: Sequence[str], begin: int) -> Sequence[str]:
    """Return the next texts that are encoded together; none where the next is too long."""
    characters, end = 0, begin
    while end < len(texts) and (characters := characters + len(texts[end])) <= BATCH_CHARACTERS:
        end += 1
    return texts[begin:end]


def _sum_alone(evaluator: Evaluator, text: str) -> Generator[int, None, tuple[list[list[Any]], dict[int, InvalidText]]]:
    """Return the sums of one text, each in a list of its own, and its error, if any."""
    evaluation, errors = evaluator.nothing, dict[int, InvalidText]()
    try:
        yield from evaluator.feed(text)
        evaluation = yield from evaluator.finish()
    except InvalidText as error:
        errors[0] = error
    return [[getattr(evaluation, name)] for name in SUMMED_FIELDS], errors


def _clean_all(
    tokenizer: Tokenizer, texts: Sequence[str], empty_lines: EmptyLines
) -> tuple[list[str], dict[int, InvalidText]]:
    """Return texts as the tokenizer reads them, and by position why one (then empty) has no score."""
    cleaned = clean_all(texts, tokenizer.config, empty_lines)
    errors = {
        i: text if isinstance(text, InvalidText) else InvalidText("text", "must hold something to score")
        for i, text in enumerate(cleaned)
        if not text or isinstance(text, InvalidText)
    }
    return [text if isinstance(text, str) else "" for text in cleaned], errors


def _sum_together(
    model: LanguageModel, tokenizer: Tokenizer, texts: Sequence[str], unit: Unit, runtime: Runtime | None
) -> Generator[int, None, list[list[Any]]]:
    """Return the sums of clean texts, which are empty or end in a newline, as SUMMED_FIELDS."""
    lines = [text.count("\n") for text in texts]
    joined, characters = "".join(texts), list(map(len, texts))
    byte_counts = characters if joined.isascii() else [len(text.encode()) for text in texts]
    encoding, ends = _encode_joined(tokenizer, texts, joined, np.array(lines))
    scores = yield from _score_joined(model, encoding, ends, unit, runtime)
    sums = {name: values.tolist() for name, values in _sums_by_text(tokenizer, joined, encoding, ends, scores).items()}
    sums |= {"characters": characters, "byte_count": byte_counts, "line_count": lines}
    sums["word_count"] = word_counts(joined.encode(), np.cumsum(byte_counts)).tolist()
    return [sums[name] for name in SUMMED_FIELDS]


def _encode_joined(
    tokenizer: Tokenizer, texts: Sequence[str], joined: str, lines: NDArray[np.int64]
) -> tuple[Encoding, Offsets]:
    """Return the tokens of all texts, and the position after the last one of each [N].

    One call for all is quicker than `encode_batch`. Only where `</s>` stands in a text there are more of them than
    lines, and it must be told where each text ends.
    """
    encoding = tokenizer.encode(joined)
    after_eos = np.append(0, np.flatnonzero(encoding.ids == EOS) + 1)
    if len(after_eos) == lines.sum() + 1:
        return encoding, after_eos[np.cumsum(lines)]
    batch = tokenizer.encode_batch(texts)
    return Encoding(batch.ids, batch.oov), batch.ends


def _score_joined(
    model: LanguageModel, encoding: Encoding, ends: Offsets, unit: Unit, runtime: Runtime | None
) -> Generator[int, None, Scores]:
    """Return the scores [T] of all texts; where `</s>` resets the model, they are read as one row."""
    begin = model.begin_state(1)
    if model.resets_at_eos:
        return (yield from score_row(model, begin, encoding.ids, runtime))[0]
    row_ends = np.flatnonzero(encoding.ids == EOS) + 1 if unit == "lines" else ends
    return (yield from score_flat(model, begin, encoding.ids, row_ends, runtime))


def _sums_by_text(
    tokenizer: Tokenizer, joined: str, encoding: Encoding, ends: Offsets, scores: Scores
) -> dict[str, NDArray[Any]]:
    """Return what `Evaluation.add_tokens` sums, and the spelling, by name: [N] each."""
    oov, zero = encoding.oov, ~np.isfinite(scores)
    known = np.where(zero, 0, scores).astype(np.float64)
    at = np.flatnonzero(oov)
    unknown, known[at] = known[at], 0
    sums: dict[str, NDArray[Any]] = {
        "token_count": np.diff(ends, prepend=0),
        "known_logprob": _sum_ranges(known, ends),
    }
    unknown_ends = np.searchsorted(at, ends)  # of the tokens of each text among the unknown ones
    zeros_in = np.diff(np.searchsorted(np.flatnonzero(zero), ends), prepend=0)
    sums["oov_count"] = np.diff(unknown_ends, prepend=0)
    sums["oov_logprob"] = _sum_ranges(unknown, unknown_ends)
    sums["spelling_logprob"] = _sum_ranges(tokenizer.spelling_logprobs(joined, encoding), unknown_ends)
    sums["oov_zeros"] = _sum_ranges(zero[at].astype(np.int64), unknown_ends)
    sums["known_zeros"] = zeros_in - sums["oov_zeros"]
    return sums


def _sum_ranges(values: NDArray[Any], ends: Offsets) -> NDArray[Any]:
    """Return the sum [N] of each range of `values`, which ends before `ends` [N] and may be empty."""
    sums = np.zeros(len(ends), values.dtype)
    begins = ends - np.diff(ends, prepend=0)
    filled = np.flatnonzero(ends > begins)
    if len(filled):
        sums[filled] = np.add.reduceat(values, begins[filled])
    return sums
