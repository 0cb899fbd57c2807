"""Cross-entropy of a large vocabulary: the output layer and its softmax as one operation, a slice of tokens at a time.

It knows the gradient of a softmax and how much of it may exist at once. It does not know where its inputs come from.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

LOGITS_AT_ONCE = 2_000_000
"""Numbers in one slice of logits (8 MB): large enough for the matrix product, small enough for the caches."""


def cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(hidden weight' + bias)[target] in nats, a scalar.

    `hidden` [N, E], `weight` [V, E], `bias` [V], `targets` [N]. The gradients are computed on the way forward, while
    each slice of logits is at hand, so that neither logits nor probabilities [N, V] are ever stored. All three float
    arguments must require gradients for the work to pay; with none of them, use `log_softmax`.
    """
    return cast("Tensor", _CrossEntropy.apply(hidden, weight, bias, targets))  # type: ignore[no-untyped-call]


class _CrossEntropy(Function):
    """d loss / d logits = (softmax - one_hot(target)) / N; the rest is the chain rule of a linear layer."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        size = max(1, LOGITS_AT_ONCE // len(weight))
        slopes = torch.empty_like(hidden), torch.zeros_like(weight), torch.zeros_like(bias)
        loss = torch.zeros((), dtype=torch.float64)
        for begin in range(0, len(hidden), size):
            part = slice(begin, begin + size)
            loss += _slice(hidden[part], weight, bias, targets[part], slopes[0][part], slopes[1], slopes[2])
        for slope in slopes:
            slope /= len(hidden)
        ctx.save_for_backward(*slopes)
        return (loss / len(hidden)).to(hidden.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        return (*(gradient * slope for slope in ctx.saved_tensors), None)


def _slice(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, d_hidden: Tensor, d_weight: Tensor, d_bias: Tensor
) -> Tensor:
    """The summed loss of one slice; fills `d_hidden` and adds to `d_weight` and `d_bias`."""
    log_p = torch.addmm(bias, hidden, weight.T).log_softmax(1)
    target = targets[:, None]
    loss = -log_p.gather(1, target).sum(dtype=torch.float64)
    slope = log_p.exp_().scatter_add_(1, target, torch.full_like(target, -1, dtype=log_p.dtype))
    torch.mm(slope, weight, out=d_hidden)
    d_weight.addmm_(slope.T, hidden)
    d_bias += slope.sum(0)
    return loss
