"""Log-probabilities of prompts of token ids, and the most probable tokens in each place.

`models.inference.scoring` scores texts; a prompt of ids has no text, and may hold what no text would be read as.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from models.inference.alternatives import find_alternatives_to_states
from models.inference.prefill import Ids, Runtime
from models.inference.scoring import EndStates, score_flat_to_states
from models.language_model import LanguageModel
from models.model import Floats, TokenIds
from models.state import State, split
from models.tokenization.encoding import BatchEncoding
from models.utils.arrays import concat_rows


class PromptLogprobs(NamedTuple):
    """Log-probabilities of one prompt of T tokens, read after the boundary token.

    logprobs: [T] log P(token | all before it) in nats, -inf where a model gives no probability.
    best: [T, K] ids of the K most probable tokens in each place, best first, ties by id; K may be 0.
    best_logprobs: [T, K] their log P in nats.
    state: the one-row state after the prompt, from which a text goes on.
    """

    logprobs: Floats
    best: TokenIds
    best_logprobs: Floats
    state: State


def score_prompts(
    model: LanguageModel, prompts: Sequence[Ids], k: int, runtime: Runtime | None = None
) -> Generator[int, None, list[PromptLogprobs]]:
    """Score each prompt [T_i] after the boundary token, with the `k` most probable tokens in each place.

    Yields the size of each chunk in tokens. A token's own log P and that among the most probable are the same number.
    """
    runtime = runtime or Runtime.default_for(model)
    state, (ids, ends) = model.begin_state(1), concat_rows(prompts)
    if not k:
        scores, end_states = yield from score_flat_to_states(model, state, ids, ends, runtime)
        rows, states = np.split(scores, ends)[:-1], _states_by_row(end_states)
        return [PromptLogprobs(row, *_no_alternatives(len(row)), states[i]) for i, row in enumerate(rows)]
    encodings = BatchEncoding(ids, np.zeros(len(ids), np.bool_), ends)
    found, after = yield from find_alternatives_to_states(model, state, encodings, k)
    spans = (slice(begin, end) for begin, end in pairwise([0, *ends.tolist()]))
    return [
        PromptLogprobs(found.logprobs[span], found.best[span], found.best_logprobs[span], after[i])
        for i, span in enumerate(spans)
    ]


def _states_by_row(end_states: EndStates) -> dict[int, State]:
    """Return the one-row state after each row, by its number."""
    return {row: state for rows, states in end_states for row, state in zip(rows.tolist(), split(states), strict=True)}


def _no_alternatives(count: int) -> tuple[TokenIds, Floats]:
    return np.zeros((count, 0), np.int64), np.zeros((count, 0), np.float32)
