"""Log-probabilities of prompts of token ids, and the most probable tokens in each place.

`models.inference.scoring` scores texts; a prompt of ids has no text, and may hold what no text would be read as.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from models.inference.alternatives import find_alternatives
from models.inference.prefill import Ids, Runtime
from models.inference.scoring import score_rows
from models.language_model import LanguageModel
from models.model import Floats, TokenIds
from models.tokenization.encoding import BatchEncoding
from models.utils.arrays import concat_rows


class PromptLogprobs(NamedTuple):
    """Log-probabilities of one prompt of T tokens, read after the boundary token.

    logprobs: [T] log P(token | all before it) in nats, -inf where a model gives no probability.
    best: [T, K] ids of the K most probable tokens in each place, best first, ties by id; K may be 0.
    best_logprobs: [T, K] their log P in nats.
    """

    logprobs: Floats
    best: TokenIds
    best_logprobs: Floats


def score_prompts(
    model: LanguageModel, prompts: Sequence[Ids], k: int, runtime: Runtime | None = None
) -> Generator[int, None, list[PromptLogprobs]]:
    """Score each prompt [T_i] after the boundary token, with the `k` most probable tokens in each place.

    Yields the size of each chunk in tokens. A token's own log P and that among the most probable are the same number.
    """
    runtime = runtime or Runtime.default_for(model)
    state = model.begin_state(1)
    if not k:
        rows = yield from score_rows(model, state, prompts, runtime)
        return [PromptLogprobs(row, *_no_alternatives(len(row))) for row in rows]
    ids, ends = concat_rows(prompts)
    found = yield from find_alternatives(model, state, BatchEncoding(ids, np.zeros(len(ids), np.bool_), ends), k)
    spans = (slice(begin, end) for begin, end in pairwise([0, *ends.tolist()]))
    return [PromptLogprobs(found.logprobs[span], found.best[span], found.best_logprobs[span]) for span in spans]


def _no_alternatives(count: int) -> tuple[TokenIds, Floats]:
    return np.zeros((count, 0), np.int64), np.zeros((count, 0), np.float32)
