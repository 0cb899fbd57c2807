"""Optimizers, the learning rate as a function of the step, gradient clipping and weight averaging.

The rate is a function rather than one of torch's schedulers: a resumed training needs nothing but its step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from models.neural.training.config import LearningRateSchedule, OptimizerName


def make_optimizer(name: OptimizerName, network: nn.Module, weight_decay: float, momentum: float) -> Optimizer:
    """Make an optimizer of all parameters; weights decay in matrices only, since biases do not overfit.

    `adam` and `sgd` add the gradient of the L2 penalty to the loss's; `adamw` shrinks the weights apart from it
    (Loshchilov and Hutter 2019). `momentum` is Nesterov's for `sgd` and the first moment's decay otherwise.
    """
    matrices = [p for p in network.parameters() if p.dim() > 1]
    biases = [p for p in network.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}]
    if name == "sgd":
        return SGD(groups, lr=0.0, momentum=momentum, nesterov=momentum > 0)
    family = AdamW if name == "adamw" else Adam
    return family(groups, lr=0.0, betas=(momentum, 0.999), fused=True)


def learning_rate_at(schedule: LearningRateSchedule, peak: float, step: int, steps: int, warm_up: float) -> float:
    """Return the learning rate of step 0, 1, ... of `steps`.

    `constant`: the peak. `cosine`: from the peak down to zero by half a cosine (Loshchilov and Hutter 2017).
    `one_cycle`: up in a straight line from a 25th of the peak over the share `warm_up` of the steps, then down by half
    a cosine to a ten-thousandth of it (Smith and Topin 2018).
    """
    if schedule == "constant":
        return peak
    if schedule == "cosine":
        return _half_cosine(peak, 0.0, step / steps)
    rising = warm_up * steps
    if step < rising:
        return peak * (1 / 25 + (1 - 1 / 25) * step / rising)
    return _half_cosine(peak, peak / 10_000, (step - rising) / (steps - rising))


def clip_gradients(parameters: Iterable[Tensor], limit: float) -> float:
    """Scale gradients whose global L2 norm exceeds `limit` down to it; return the norm before.

    0 sets no limit. Pascanu et al. 2013, algorithm 1, to the letter: torch's `clip_grad_norm_` divides by the norm plus
    1e-6, with which the recipes of published models would no longer give the same weights bit for bit.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = float(torch.nn.utils.get_total_norm(gradients))
    if limit and norm > limit:
        for gradient in gradients:
            gradient.mul_(limit / norm)
    return norm


@torch.no_grad()
def weight_norm(parameters: Iterable[Tensor]) -> float:
    """Return the L2 norm of all matrices together: the weights that decay, and none of the biases.

    In float64 and whatever their order, so that a resumed training reports the same number.
    """
    norms = (float(torch.linalg.vector_norm(p, dtype=torch.float64)) for p in parameters if p.dim() > 1)
    return math.sqrt(math.fsum(norm**2 for norm in norms))


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Let the next step use this rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


class WeightAverage:
    """Exponential moving average of weights (Polyak and Juditsky 1992; Kingma and Ba 2015)."""

    def __init__(self, weights: Mapping[str, Tensor], decay: float) -> None:
        """Average `weights`, tensors that change in place; a step keeps the share `decay` of the past."""
        self._current = weights
        self._decay = decay
        self.weights = {name: tensor.clone() for name, tensor in weights.items()}
        """The mean so far."""

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Include the weights after `step`, counted from 1; the mean is of the steps made so far."""
        share = (1 - self._decay) / (1 - self._decay**step)
        for name, mean in self.weights.items():
            mean.lerp_(self._current[name], share)


def _half_cosine(high: float, low: float, share: float) -> float:
    """Fall from high to low by half a cosine as the share goes from 0 to 1."""
    return low + (high - low) * (1 + math.cos(math.pi * share)) / 2
