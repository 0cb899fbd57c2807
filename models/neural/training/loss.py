"""Cross-entropy over a large vocabulary, computed in slices together with the output layer.

Neither logits nor probabilities [N, V] are ever stored: `cross_entropy` computes the gradients in the forward pass,
while a slice of logits is at hand, and hands them to autograd as known.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from models.neural.config import LOGITS_PER_SLICE


class Gradients(NamedTuple):
    """Gradient of a loss by hidden vectors [N, E], output matrix [V, E] and output bias [V]."""

    hidden: Tensor
    weight: Tensor
    bias: Tensor


def cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of -log softmax(hidden weight' + bias)[target] in nats, a scalar.

    `hidden` [N, E], `weight` [V, E], `bias` [V], `targets` [N]. The three float arguments must require gradients for
    the work to pay; where none does, use `log_softmax`.
    """
    with torch.no_grad():
        gradients = Gradients(torch.empty_like(hidden), torch.zeros_like(weight), torch.zeros_like(bias))
        loss = torch.zeros((), dtype=torch.float64)
        for part in logit_slices(len(hidden), len(weight)):
            part_gradients = gradients._replace(hidden=gradients.hidden[part])
            loss += _slice_loss(hidden[part], weight, bias, targets[part], part_gradients)
    return mean_with_gradients(loss, Gradients(hidden, weight, bias), gradients)


def logit_slices(rows: int, columns: int) -> list[slice]:
    """Return the slices of rows in which [rows, columns] logits are computed."""
    size = max(1, LOGITS_PER_SLICE // max(1, columns))
    return [slice(begin, begin + size) for begin in range(0, rows, size)]


def mean_with_gradients(loss: Tensor, inputs: Gradients, gradients: Gradients) -> Tensor:
    """Return the mean of a loss that is summed over N rows, differentiable by `inputs`.

    `inputs` are the tensors that the gradients are of; `gradients`, those of the sum, are overwritten.
    """
    rows = len(inputs.hidden)
    for gradient in gradients:
        gradient /= rows
    value = (loss / rows).to(inputs.hidden.dtype)
    return cast("Tensor", _PrecomputedGradient.apply(value, *gradients, *inputs))  # type: ignore[no-untyped-call]


class _PrecomputedGradient(Function):
    """A number whose gradient by its last three arguments is the three arguments before them."""

    @staticmethod
    def forward(ctx: FunctionCtx, value: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors[:3])
        return value.clone()

    @staticmethod
    def backward(ctx: FunctionCtx, *outer: Tensor) -> tuple[Tensor | None, ...]:
        (outer_gradient,) = outer
        saved: tuple[Tensor, ...] = ctx.saved_tensors  # type: ignore[attr-defined]  # torch adds it at run time
        return (None,) * 4 + tuple(outer_gradient * gradient for gradient in saved)


def _slice_loss(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, gradients: Gradients) -> Tensor:
    """Return the summed loss of a slice; fill its part of `gradients.hidden` and add to the other two.

    d loss / d logits = softmax - one_hot(target); the rest is the chain rule of a linear layer.
    """
    log_p = torch.addmm(bias, hidden, weight.T).log_softmax(1)
    target = targets[:, None]
    loss = -log_p.gather(1, target).sum(dtype=torch.float64)
    logit_gradient = log_p.exp_().scatter_add_(1, target, torch.full_like(target, -1, dtype=log_p.dtype))
    torch.mm(logit_gradient, weight, out=gradients.hidden)
    gradients.weight.addmm_(logit_gradient.T, hidden)
    gradients.bias.add_(logit_gradient.sum(0))
    return loss
