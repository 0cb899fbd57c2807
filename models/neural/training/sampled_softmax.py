"""Sampled softmax: cross-entropy in training with a sample of words standing for the whole vocabulary.

At 10,000 words the output layer is three quarters of all work, and most of it goes into words of next to no
probability. It knows which words are drawn, how often, and what that changes in loss and gradient. It does not know
networks; and what is trained with it is evaluated and served with the whole softmax.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.neural.training.loss import Gradients, logit_slices, mean_with_gradients

FREQUENCY_EXPONENT = 0.75
"""Words are drawn by their frequency to this power: rare ones more often than they occur."""


class WordSample(NamedTuple):
    """Words drawn for one window."""

    ids: Tensor
    """[K] int64, ascending, each once."""
    log_inclusion: Tensor
    """[K] the log of the probability with which each gets into a sample."""


class WordSampler:
    """Draws each word by itself, with a probability of its own: the frequent ones always, the others less and less."""

    def __init__(self, counts: NDArray[np.integer[Any]], size: int, generator: torch.Generator) -> None:
        """Samples of about `size` words, for `counts` [V], how often each occurs."""
        self._inclusion = torch.from_numpy(
            inclusion_probabilities((counts.astype(np.float64) + 1) ** FREQUENCY_EXPONENT, size)
        ).float()
        self._generator = generator

    def draw(self) -> WordSample:
        """A new sample."""
        ids = (torch.rand(len(self._inclusion), generator=self._generator) < self._inclusion).nonzero()[:, 0]
        return WordSample(ids, self._inclusion[ids].log())


def inclusion_probabilities(weights: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Probabilities [V] in proportion to `weights` where that is no more than one, and else one; they sum to `size`."""
    falling = np.sort(weights)[::-1]
    # With the k heaviest certain, the others share what is left of the size; the least k that makes none exceed one.
    left = size - np.arange(min(size, len(weights)))
    scale = left / falling[::-1].cumsum()[::-1][: len(left)]
    fits = np.flatnonzero(scale * falling[: len(left)] <= 1)
    return np.minimum(1.0, weights * scale[fits[0]]) if len(fits) else np.ones_like(weights)


def sampled_cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, sample: WordSample) -> Tensor:
    """About the mean of -log softmax(hidden weight' + bias)[target] in nats, a scalar.

    `hidden` [N, E], `weight` [V, E], `bias` [V], `targets` [N]. The sum under a softmax is estimated without bias as
    exp(own) + sum of exp(logit) / inclusion over the drawn words other than the target (Horvitz and Thompson 1952;
    for language models Bengio and Senecal 2003, Jean et al. 2015). With all words drawn for certain it is exact.
    """
    with torch.no_grad():
        loss, slopes = _sum(hidden, weight, bias, targets, sample)
    return mean_with_gradients(loss, Gradients(hidden, weight, bias), slopes)


def _sum(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, sample: WordSample) -> tuple[Tensor, Gradients]:
    """The loss summed over rows, and its gradient."""
    drawn = Gradients(torch.empty_like(hidden), weight[sample.ids], bias[sample.ids] - sample.log_inclusion)
    slopes = Gradients(drawn.hidden, torch.zeros_like(drawn.weight), torch.zeros_like(drawn.bias))
    targeted = weight[targets]
    own = (hidden * targeted).sum(1) + bias[targets]
    total = torch.empty_like(own)
    hits = _places(sample.ids, targets, len(weight))
    for part in logit_slices(len(hidden), len(sample.ids)):
        total[part] = _slice(hidden[part], drawn, own[part], hits[part], slopes._replace(hidden=slopes.hidden[part]))
    slope = (own - total).exp() - 1
    slopes.hidden.addcmul_(slope[:, None], targeted)
    whole = Gradients(slopes.hidden, torch.zeros_like(weight), torch.zeros_like(bias))
    whole.weight.index_copy_(0, sample.ids, slopes.weight).index_add_(0, targets, slope[:, None] * hidden)
    whole.bias.index_copy_(0, sample.ids, slopes.bias).index_add_(0, targets, slope)
    return (total - own).sum(dtype=torch.float64), whole


def _places(ids: Tensor, targets: Tensor, size: int) -> Tensor:
    """Where each of `targets` [N] stands among `ids` [K]; K for those that do not."""
    places = torch.full((size,), len(ids))
    places[ids] = torch.arange(len(ids))
    return places[targets]


def _slice(hidden: Tensor, drawn: Gradients, own: Tensor, hits: Tensor, slopes: Gradients) -> Tensor:
    """The log of the estimated sum [n] of each row; fills its part of `slopes.hidden` and adds to the others."""
    logits = torch.addmm(drawn.bias, hidden, drawn.weight.T)
    rows = (hits < logits.shape[1]).nonzero()[:, 0]
    logits[rows, hits[rows]] = -torch.inf  # a target is in the sum as itself already
    total = torch.logaddexp(own, logits.logsumexp(1))
    slope = logits.sub_(total[:, None]).exp_()
    torch.mm(slope, drawn.weight, out=slopes.hidden)
    slopes.weight.addmm_(slope.T, hidden)
    slopes.bias.add_(slope.sum(0))
    return total
