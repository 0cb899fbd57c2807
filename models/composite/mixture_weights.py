"""Weights of a mixture, fitted to held-out text by expectation maximization (Dempster et al. 1977).

`score_by_member` scores the text with each member, `fit_weights` finds the weights under which it is most probable.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import TrainingFailed
from models.evaluation.metrics import Unit
from models.inference.prefill import Ids
from models.inference.scoring import score_row, score_rows
from models.language_model import LanguageModel
from models.model import Floats
from models.special_tokens import EOS

_MAX_ITERATIONS = 1000
_MIN_GAIN = 1e-10
"""Nats a token; the fit ends with the iteration that gains less."""


@dataclass(frozen=True)
class WeightFit:
    """Outcome of expectation maximization."""

    weights: tuple[float, ...]
    """Weight of each member; they sum to one."""
    iterations: int
    token_count: int
    """Tokens that the weights were fitted to."""
    skipped: int
    """Tokens that every member gives no probability: no weight could change that."""


def fit_weights(logprobs: NDArray[np.floating]) -> WeightFit:
    """Fit weights to the log-probabilities [K, N] of N tokens under K members.

    The likelihood is concave, so the fit is the only one. E: r_kn = w_k p_kn / sum_j w_j p_jn; M: w_k = mean_n r_kn.
    Raises TrainingFailed where no token has a probability.

    >>> fit_weights(np.log([[0.5, 0.1], [0.1, 0.5]])).weights
    (0.5, 0.5)
    """
    possible = np.isfinite(logprobs).any(0)
    scores = logprobs[:, possible].astype(np.float64)
    if not scores.size:
        raise TrainingFailed("no token of the held-out text has a probability under any member: nothing to fit")
    scores = np.exp(scores - scores.max(0))  # a factor common to all members changes no share
    weights, last, iterations = np.full(len(scores), 1 / len(scores)), -np.inf, 0
    while iterations < _MAX_ITERATIONS:
        mixture = weights @ scores
        likelihood = np.log(mixture).mean()
        if likelihood - last < _MIN_GAIN:
            break
        weights = weights * (scores / mixture).mean(1)
        last, iterations = likelihood, iterations + 1
    weights = weights / weights.sum()
    return WeightFit(tuple(weights.tolist()), iterations, scores.shape[1], int((~possible).sum()))


def score_by_member(members: Sequence[LanguageModel], ids: Ids, unit: Unit) -> Generator[int, None, Floats]:
    """Return log P [K, N] of `ids` [N] under each member; yields the size of each chunk in tokens."""
    rows = []
    for member in members:
        if unit == "document":
            scores, _ = yield from score_row(member, member.begin_state(1), ids)
        else:
            lines = np.split(ids, np.flatnonzero(ids == EOS) + 1)
            scores = np.concatenate((yield from score_rows(member, member.begin_state(1), lines)))
        rows.append(scores)
    return np.stack(rows)
