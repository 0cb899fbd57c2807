"""Loss of a linear-chain conditional random field in torch (Lafferty et al. 2001).

Serving computes with the same scores in NumPy (`models.tasks.tagging.chain`).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

FORBIDDEN = -1e4
"""Score in training of a tag, or a pair of tags, that is ruled out: no infinity, whose gradient is not a number."""


class ChainScores(NamedTuple):
    """Scores of tags that do not depend on the text."""

    start: Tensor
    """[K] of the first tag."""
    transitions: Tensor
    """[K, K] of a tag (column) after another (row)."""
    end: Tensor
    """[K] of the last tag."""


def crf_loss(emissions: Tensor, tags: Tensor, lengths: Tensor, scores: ChainScores) -> Tensor:
    """Return -log P(tags | text) in nats of each sentence [B].

    Args:
        emissions: [B, T, K] scores of the tags of each token; anything past `lengths`.
        tags: [B, T] the right tags; any tag past `lengths`.
        lengths: [B] tokens of each sentence, at least 1.
        scores: Scores of tags and pairs of tags.
    """
    return log_partition(emissions, lengths, scores) - path_score(emissions, tags, lengths, scores)


def log_partition(emissions: Tensor, lengths: Tensor, scores: ChainScores) -> Tensor:
    """Return the logarithm [B] of the sum over all sequences of tags of the exponential of their score."""
    totals = scores.start + emissions[:, 0]
    for t in range(1, emissions.shape[1]):
        longer = torch.logsumexp(totals[:, :, None] + scores.transitions, 1) + emissions[:, t]
        totals = torch.where((t < lengths)[:, None], longer, totals)
    return torch.logsumexp(totals + scores.end, 1)


def path_score(emissions: Tensor, tags: Tensor, lengths: Tensor, scores: ChainScores) -> Tensor:
    """Return the score [B] of one sequence of tags a sentence."""
    rows, mask = torch.arange(len(tags)), torch.arange(tags.shape[1]) < lengths[:, None]
    emitted = (emissions.gather(2, tags[..., None])[..., 0] * mask).sum(1)
    moved = (scores.transitions[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]).sum(1)
    return emitted + moved + scores.start[tags[:, 0]] + scores.end[tags[rows, lengths - 1]]
