"""Weights of a mixture, fitted to held-out text by expectation maximisation (Dempster, Laird and Rubin 1977).

It knows log-probabilities of tokens and weights; it does not know how a mixture uses them.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import TrainingFailed
from models.evaluation.metrics import Unit
from models.inference.scoring import Ids, score_row, score_rows
from models.language_model import LanguageModel
from models.special_tokens import EOS

_MAX_ITERATIONS = 1000
_MIN_GAIN = 1e-10
"""Nats a token: less gained in one iteration ends the fit."""


@dataclass(frozen=True)
class WeightFit:
    """What expectation maximisation found."""

    weights: tuple[float, ...]
    """Of each member; they sum to one."""
    iterations: int
    token_count: int
    """Tokens that the weights were fitted to."""
    skipped: int
    """Tokens that every member gives no probability: no weight could change that."""


def fit_weights(logprobs: NDArray[np.floating]) -> WeightFit:
    """The weights under which the tokens are most probable, by their log-probabilities [K, N] under each member.

    The likelihood is concave, so the fit is the only one. E: r_kn = w_k p_kn / sum_j w_j p_jn; M: w_k = mean_n r_kn.
    Raises TrainingFailed where no token has a probability.
    """
    possible = np.isfinite(logprobs).any(0)
    scores = logprobs[:, possible].astype(np.float64)
    if not scores.size:
        raise TrainingFailed("no token of the held-out text has a probability under any member: nothing to fit")
    scores = np.exp(scores - scores.max(0))  # a factor common to all members changes no share
    weights, last, iterations = np.full(len(scores), 1 / len(scores)), -np.inf, 0
    while iterations < _MAX_ITERATIONS:
        mixed = weights @ scores
        likelihood = np.log(mixed).mean()
        if likelihood - last < _MIN_GAIN:
            break
        weights = weights * (scores / mixed).mean(1)
        last, iterations = likelihood, iterations + 1
    weights = weights / weights.sum()
    return WeightFit(tuple(weights.tolist()), iterations, scores.shape[1], int((~possible).sum()))


def score_by_member(
    members: Sequence[LanguageModel], ids: Ids, unit: Unit
) -> Generator[int, None, NDArray[np.float32]]:
    """Log P [K, N] of each of `ids` [N] under each member, by `unit`; yields the size of each slice in tokens."""
    rows = []
    for member in members:
        if unit == "document":
            scores, _ = yield from score_row(member, member.begin_state(1), ids)
        else:
            lines = np.split(ids, np.flatnonzero(ids == EOS) + 1)
            scores = np.concatenate((yield from score_rows(member, member.begin_state(1), lines)))
        rows.append(scores)
    return np.stack(rows)
