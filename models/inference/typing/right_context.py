"""Exact rescoring of completions with the text that stands behind them."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from models.inference.prefill import Runtime
from models.inference.scoring import score_rows
from models.inference.typing.hypotheses import Candidate
from models.inference.typing.left_context import LeftContext, WordTokens
from models.language_model import LanguageModel
from models.state import State

_CLOSING = ".,;:!?)]}%\u2026'\u2019\u201d"
"""Characters that stand right behind a word, without a blank."""


def rescore(
    model: LanguageModel,
    words: WordTokens,
    left: LeftContext,
    state: State,
    candidates: Sequence[Candidate],
    right: str,
    before: float,
    runtime: Runtime,
) -> Generator[int, None, list[Candidate]]:
    """Return the candidates scored by log P(completion, right | left), best first.

    right: text behind them, joined by a blank unless it begins with one or with punctuation. Its end is not scored.
    Of a model that looks back a fixed number of tokens only so many are read: those further on are as probable after
    every candidate. Yields the number of tokens of each step.
    """
    rows = [np.array(_tokens(words, left, candidate, right), np.int32) for candidate in candidates]
    if model.context_length is not None and right[0] not in _CLOSING:
        ends = [len(candidate.tokens) + model.context_length for candidate in candidates]
        rows = [row[:end] for row, end in zip(rows, ends, strict=True)]
    scores = yield from score_rows(model, state, rows, runtime)
    rescored = []
    for candidate, logprobs in zip(candidates, scores, strict=True):
        if words.has_blanks:  # the blank before `right` is one of its tokens, and ends the word
            gain = float(logprobs.sum(dtype=np.float64)) - before - candidate.logprob
        else:
            gain = float(logprobs[len(candidate.tokens) :].sum(dtype=np.float64))
        rescored.append(candidate._replace(score=candidate.score + gain))
    return sorted(rescored, key=lambda candidate: -candidate.score)


def _tokens(words: WordTokens, left: LeftContext, candidate: Candidate, right: str) -> tuple[int, ...]:
    """Return the ids of a completion and the text behind it."""
    if not words.has_blanks:
        return candidate.tokens + tuple(words.tokenizer.encode(right).ids.tolist())
    is_joined = right[0].isspace() or right[0] in _CLOSING
    return words.encode(left, words.spell(left, candidate.tokens) + ("" if is_joined else " ") + right)
