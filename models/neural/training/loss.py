"""Cross-entropy of a large vocabulary: the output layer and its softmax as one operation, a slice of tokens at a time.

It knows the gradient of a softmax and how much of it may exist at once. It does not know where its inputs come from.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd import Function

LOGITS_PER_SLICE = 2_000_000
"""Numbers in one slice of logits (8 MB): large enough for the matrix product, small enough for the caches."""


class Gradients(NamedTuple):
    """The gradient of a loss by hidden vectors [N, E], output matrix [V, E] and output bias [V]."""

    hidden: Tensor
    weight: Tensor
    bias: Tensor


def cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(hidden weight' + bias)[target] in nats, a scalar.

    `hidden` [N, E], `weight` [V, E], `bias` [V], `targets` [N]. The gradients are computed on the way forward, while
    each slice of logits is at hand, so that neither logits nor probabilities [N, V] are ever stored. All three float
    arguments must require gradients for the work to pay; with none of them, use `log_softmax`.
    """
    with torch.no_grad():
        slopes = Gradients(torch.empty_like(hidden), torch.zeros_like(weight), torch.zeros_like(bias))
        loss = torch.zeros((), dtype=torch.float64)
        for part in logit_slices(len(hidden), len(weight)):
            loss += _slice(hidden[part], weight, bias, targets[part], slopes._replace(hidden=slopes.hidden[part]))
    return mean_with_gradients(loss, Gradients(hidden, weight, bias), slopes)


def logit_slices(rows: int, columns: int) -> list[slice]:
    """The parts in which `rows` of `columns` logits are made."""
    size = max(1, LOGITS_PER_SLICE // max(1, columns))
    return [slice(begin, begin + size) for begin in range(0, rows, size)]


def mean_with_gradients(loss: Tensor, inputs: Gradients, slopes: Gradients) -> Tensor:
    """A summed loss over the N rows as their mean, differentiable by `inputs`; `slopes` of the sum are used up."""
    rows = len(inputs.hidden)
    for slope in slopes:
        slope /= rows
    value = (loss / rows).to(inputs.hidden.dtype)
    return cast("Tensor", _PrecomputedGradient.apply(value, *slopes, *inputs))  # type: ignore[no-untyped-call]


class _PrecomputedGradient(Function):
    """A number whose gradient by its last three arguments is known already: the three before."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors[:3])
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        return (None,) * 4 + tuple(gradient * slope for slope in ctx.saved_tensors)


def _slice(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, slopes: Gradients) -> Tensor:
    """The summed loss of one slice; fills its part of `slopes.hidden` and adds to the others.

    d loss / d logits = softmax - one_hot(target); the rest is the chain rule of a linear layer.
    """
    log_p = torch.addmm(bias, hidden, weight.T).log_softmax(1)
    target = targets[:, None]
    loss = -log_p.gather(1, target).sum(dtype=torch.float64)
    slope = log_p.exp_().scatter_add_(1, target, torch.full_like(target, -1, dtype=log_p.dtype))
    torch.mm(slope, weight, out=slopes.hidden)
    slopes.weight.addmm_(slope.T, hidden)
    slopes.bias.add_(slope.sum(0))
    return loss
