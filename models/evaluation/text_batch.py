"""Evaluations of many short texts together: `evaluate_texts`.

An `Evaluator` for each costs some hundred microseconds, however short its text. Texts of a model that `</s>` resets are
encoded and scored together instead, as rows laid end to end, which changes no number: each row begins where a text by
itself does.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from models.data.line_reader import EmptyLines
from models.data.paragraph_reader import open_reader
from models.errors import InvalidText
from models.evaluation.evaluator import CHUNK_BYTES, Evaluator
from models.evaluation.metrics import Evaluation, Scores, Unit
from models.evaluation.text_size import count_text
from models.inference.prefill import Runtime
from models.inference.scoring import score_flat
from models.language_model import LanguageModel
from models.tokenization.encoding import Encoding
from models.tokenization.raw_text import check_unicode
from models.tokenization.tokenizer import Tokenizer

Outcome = Evaluation | InvalidText
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
    is_joint = model.resets_at_eos and not model.adaptive and bos and eos and bool(tokenizer.config.text_end)
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
    batch = tokenizer.encode_batch(good)
    scores = yield from score_flat(model, model.begin_state(1), batch.ids, batch.ends, runtime)
    rows = iter(zip(good, batch, np.split(scores, batch.ends)[:-1], strict=True)) if good else iter(())
    return [text if isinstance(text, InvalidText) else _evaluation(nothing, tokenizer, *next(rows)) for text in cleaned]


def _clean(tokenizer: Tokenizer, text: str, empty_lines: EmptyLines) -> str | InvalidText:
    """Return a text as the tokenizer reads it, or why it cannot be scored."""
    try:
        reader = open_reader(tokenizer.config, empty_lines)
        cleaned = reader.feed(check_unicode(text).encode()) + reader.finish()
    except InvalidText as error:
        return error
    return cleaned or InvalidText("text", "must hold something to score")


def _evaluation(nothing: Evaluation, tokenizer: Tokenizer, text: str, encoding: Encoding, scores: Scores) -> Evaluation:
    sized = count_text(nothing, text, encoding, tokenizer)
    if encoding.oov.any() or not np.isfinite(scores).all():
        return sized.add_tokens(scores, encoding.oov)
    return replace(sized, token_count=len(scores), known_logprob=float(scores.sum(dtype=np.float64)))
