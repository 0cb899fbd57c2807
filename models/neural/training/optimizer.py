"""How weights move: the optimisers, the learning rate as a function of the step, and clipping.

It knows gradients and steps. It does not know losses, texts or when to stop.

The mean of the weights that a training passes through, which is often better than the last of them.

It knows weights and steps. It does not know what trains them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from models.neural.network import Network
from models.neural.training.config import LearningRateSchedule, OptimizerName


def make_optimizer(
    name: OptimizerName, network: Network, weight_decay: float, momentum: float
) -> torch.optim.Optimizer:
    """An optimiser of all parameters; weights decay in matrices only, since biases do not overfit.

    `adam` and `sgd` add the gradient of the L2 penalty to the loss's; `adamw` shrinks the weights apart from it
    (Loshchilov and Hutter 2019). `momentum` is Nesterov's for `sgd` and the first moment's decay otherwise.
    """
    matrices = [p for p in network.parameters() if p.dim() > 1]
    biases = [p for p in network.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}]
    if name == "sgd":
        return torch.optim.SGD(groups, lr=0.0, momentum=momentum, nesterov=momentum > 0)
    family = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
    return family(groups, lr=0.0, betas=(momentum, 0.999), fused=True)


def learning_rate_at(schedule: LearningRateSchedule, peak: float, step: int, steps: int, warm_up: float) -> float:
    """The rate of step 0, 1, ... of `steps`.

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
    """Scale the gradients down to the global L2 norm `limit` where theirs is larger; the norm before (0 = no limit).

    Pascanu et al. 2013, algorithm 1.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = float(torch.nn.utils.get_total_norm(gradients))
    if limit and norm > limit:
        torch._foreach_mul_(gradients, limit / norm)
    return norm


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Let the next step use this rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def _half_cosine(high: float, low: float, share: float) -> float:
    """From high to low as the share goes from 0 to 1."""
    return low + (high - low) * (1 + math.cos(math.pi * share)) / 2


class WeightAverage:
    """An exponential moving average (Polyak and Juditsky 1992 for averaging; the decay as in Kingma and Ba 2015)."""

    def __init__(self, weights: Mapping[str, Tensor], memory: float) -> None:
        """Follow `weights`, tensors that are changed in place; `memory` is what is kept of the past at each step."""
        self._followed = weights
        self._memory = memory
        self.weights = {name: tensor.clone() for name, tensor in weights.items()}
        """The mean so far."""

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step`, counted from 1: their share makes up for there being no steps before."""
        share = (1 - self._memory) / (1 - self._memory**step)
        for name, mean in self.weights.items():
            mean.lerp_(self._followed[name], share)
