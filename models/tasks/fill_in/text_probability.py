"""Fillings of a language model, ranked by the probability of the whole text with each of them.

The text is read up to its first blank; every choice for it is scored together with the tokens up to the next blank,
which together are what a choice changes; the best of them go on. After the last blank the score of a filling is
log P of the whole text with it, exactly.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.inference.prefill import Ids, Runtime
from models.inference.scoring import score_flat, score_row
from models.language_model import LanguageModel
from models.model import TokenIds
from models.state import State
from models.tasks.fill_in.blanks import BlankedText, Candidates
from models.tasks.fill_in.query import FillQuery
from models.utils.arrays import top_k

SLICE_TOKENS = 100_000
"""Tokens of the texts with different choices that are laid out at a time: 800 kB."""


class ScoredFillings(NamedTuple):
    """Fillings of n blanks with their scores, in no order."""

    choices: TokenIds
    """[N, n] number of the candidate in each blank."""
    scores: NDArray[np.float64]
    """[N] nats: log P of the whole text, or of the filling given the rest of it."""
    exact: bool
    """Whether these are all fillings that there are."""


@dataclass(frozen=True)
class _Hypothesis:
    """Filling of the blanks so far: its choices, log P of the text up to the next blank, the state there."""

    choices: tuple[int, ...]
    logprob: float
    state: State


def score_fillings(
    model: LanguageModel, text: BlankedText, candidates: Sequence[Candidates], query: FillQuery, runtime: Runtime
) -> Generator[int, None, ScoredFillings]:
    """Score fillings of a text by its probability with them; yields the size of each chunk in tokens.

    `candidates` are those of each blank. A model that looks back a bounded number of tokens scores every choice with
    so many tokens after the blank; what comes later is the same for all. Another scores whole segments, and where the
    choice is the whole vocabulary only the `shortlist` tokens of highest probability after the left side.
    """
    first, *segments = text.segments
    scores, state = yield from score_row(model, model.begin_state(1), first.astype(np.int32), runtime)
    beam, exact = [_Hypothesis((), float(scores.sum(dtype=np.float64)), state)], True
    for blank, (segment, choices) in enumerate(zip(segments, candidates, strict=True)):
        extended, numbers = [], []
        for hypothesis in beam:
            listed = _shortlist(model, hypothesis.state, choices, query)
            exact = exact and len(listed) == len(choices)
            numbers.append(listed)
            gains = yield from _score_choices(model, hypothesis.state, choices, listed, segment, runtime)
            extended.append(hypothesis.logprob + gains)
        totals = np.concatenate(extended)
        parents = np.repeat(np.arange(len(beam)), [len(listed) for listed in numbers])
        flat = np.concatenate(numbers)
        if blank == len(segments) - 1:
            break
        best = np.sort(np.argsort(-totals, kind="stable")[: query.beam])
        exact = exact and len(best) == len(totals)
        grown = []
        for row in best.tolist():
            parent, choice = beam[parents[row]], int(flat[row])
            state = model.advance(parent.state, np.concatenate([choices.ids(choice), segment])[None])
            grown.append(_Hypothesis((*parent.choices, choice), float(totals[row]), state))
        beam = grown
    choices_so_far = np.array([hypothesis.choices for hypothesis in beam], np.int64).reshape(len(beam), -1)
    return ScoredFillings(np.concatenate([choices_so_far[parents], flat[:, None]], 1), totals, exact)


def _shortlist(model: LanguageModel, state: State, choices: Candidates, query: FillQuery) -> TokenIds:
    """Return the numbers of the choices that are scored, ascending."""
    everything = np.arange(len(choices))
    if not query.shortlist or query.candidates or model.context_length is not None or len(choices) <= query.shortlist:
        return everything
    logprobs = model.logprobs(state)[:, choices.tokens[:, 0]]
    return np.sort(top_k(logprobs, query.shortlist)[1][0])


def _score_choices(
    model: LanguageModel, state: State, choices: Candidates, listed: TokenIds, segment: TokenIds, runtime: Runtime
) -> Generator[int, None, NDArray[np.float64]]:
    """Return log P [C] of each listed choice and the segment after it, from a one-row state."""
    near = segment if model.context_length is None else segment[: model.context_length]
    lengths = choices.lengths[listed]
    totals = np.zeros(len(listed))
    for length, rows in _slices(lengths, len(near)):
        tokens = np.concatenate([choices.tokens[listed[rows], :length], np.tile(near, (len(rows), 1))], 1)
        ends = np.arange(1, len(rows) + 1) * tokens.shape[1]
        scores = yield from score_flat(model, state, tokens.reshape(-1).astype(np.int32), ends, runtime)
        totals[rows] = scores.reshape(tokens.shape).sum(1, dtype=np.float64)
    if len(near) < len(segment):
        # Beyond the model's reach: the tokens after `near` have the same probability whatever the choice.
        before = np.concatenate([choices.ids(int(listed[0])), near])[None]
        far: Ids = segment[len(near) :].astype(np.int32)
        scores, _ = yield from score_row(model, model.advance(state, before), far, runtime)
        totals += scores.sum(dtype=np.float64)
    return totals


def _slices(lengths: TokenIds, after: int) -> Iterator[tuple[int, TokenIds]]:
    """Yield rows of choices of one length, and it, few enough for SLICE_TOKENS with `after` tokens each."""
    for length in np.unique(lengths).tolist():
        rows, size = np.flatnonzero(lengths == length), max(1, SLICE_TOKENS // (length + after))
        for begin in range(0, len(rows), size):
            yield length, rows[begin : begin + size]
