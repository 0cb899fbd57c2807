"""Sampled softmax: in training, a sample of words stands for the whole vocabulary.

At 10,000 words the output layer is three quarters of the work of a training step, and most of it goes into words of
next to no probability. `WordSampler` draws the words, `sampled_cross_entropy` estimates loss and gradient from them.
Validation and serving use the whole softmax.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.neural.training.loss import Gradients, logit_slices, mean_with_gradients

FREQUENCY_EXPONENT = 0.75
"""Words are drawn by their frequency to this power; the lower it is, the more often rare words are drawn."""


class WordSample(NamedTuple):
    """Sample of words that stands for the vocabulary in one training step."""

    ids: Tensor
    """[K] int64, ascending, no id twice."""
    log_inclusion: Tensor
    """[K] log of the probability with which a word gets into a sample."""


class WordSampler:
    """Sampler that draws each word with a probability of its own: frequent words always, rare ones seldom."""

    def __init__(self, counts: NDArray[np.int64], size: int, generator: torch.Generator) -> None:
        """Prepare samples of about `size` words; `counts` [V] says how often each token id occurs."""
        probabilities = inclusion_probabilities((counts.astype(np.float64) + 1) ** FREQUENCY_EXPONENT, size)
        self._inclusion = torch.from_numpy(probabilities).float()
        self._generator = generator

    def draw(self) -> WordSample:
        """Draw a new sample."""
        ids = (torch.rand(len(self._inclusion), generator=self._generator) < self._inclusion).nonzero()[:, 0]
        return WordSample(ids, self._inclusion[ids].log())


def inclusion_probabilities(weights: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return probabilities [V] in proportion to `weights`, but at most one; they sum to `size`."""
    descending = np.sort(weights)[::-1]
    # With the k heaviest certain, the others share what remains of the size; take the least k that makes none exceed 1.
    remaining = size - np.arange(min(size, len(weights)))
    scale = remaining / descending[::-1].cumsum()[::-1][: len(remaining)]
    fits = np.flatnonzero(scale * descending[: len(remaining)] <= 1)
    return np.minimum(1.0, weights * scale[fits[0]]) if len(fits) else np.ones_like(weights)


def sampled_cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, sample: WordSample) -> Tensor:
    """Estimate the mean of -log softmax(hidden weight' + bias)[target] in nats, a scalar.

    `hidden` [N, E], `weight` [V, E], `bias` [V], `targets` [N]. The sum under a softmax is estimated without bias as
    exp(target's logit) + sum of exp(logit) / inclusion over the drawn words other than the target (Horvitz and Thompson
    1952; for language models Bengio and Senecal 2003, Jean et al. 2015). With all words drawn for certain it is exact.
    """
    with torch.no_grad():
        loss, gradients = _sum(hidden, weight, bias, targets, sample)
    return mean_with_gradients(loss, Gradients(hidden, weight, bias), gradients)


def _sum(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, sample: WordSample) -> tuple[Tensor, Gradients]:
    """Return the loss summed over rows, and its gradient."""
    drawn = Gradients(torch.empty_like(hidden), weight[sample.ids], bias[sample.ids] - sample.log_inclusion)
    of_drawn = Gradients(drawn.hidden, torch.zeros_like(drawn.weight), torch.zeros_like(drawn.bias))
    target_weight = weight[targets]
    target_logits = (hidden * target_weight).sum(1) + bias[targets]
    log_sums = torch.empty_like(target_logits)
    columns = _columns(sample.ids, targets, len(weight))
    for part in logit_slices(len(hidden), len(sample.ids)):
        part_gradients = of_drawn._replace(hidden=of_drawn.hidden[part])
        log_sums[part] = _slice_log_sum(hidden[part], drawn, target_logits[part], columns[part], part_gradients)
    target_gradient = (target_logits - log_sums).exp() - 1
    of_drawn.hidden.addcmul_(target_gradient[:, None], target_weight)
    gradients = Gradients(of_drawn.hidden, torch.zeros_like(weight), torch.zeros_like(bias))
    gradients.weight.index_copy_(0, sample.ids, of_drawn.weight)
    gradients.weight.index_add_(0, targets, target_gradient[:, None] * hidden)
    gradients.bias.index_copy_(0, sample.ids, of_drawn.bias).index_add_(0, targets, target_gradient)
    return (log_sums - target_logits).sum(dtype=torch.float64), gradients


def _columns(ids: Tensor, targets: Tensor, vocabulary_size: int) -> Tensor:
    """Return where the `targets` [N] stand among the drawn `ids` [K]; K for those that were not drawn."""
    columns = torch.full((vocabulary_size,), len(ids))
    columns[ids] = torch.arange(len(ids))
    return columns[targets]


def _slice_log_sum(
    hidden: Tensor, drawn: Gradients, target_logits: Tensor, columns: Tensor, gradients: Gradients
) -> Tensor:
    """Return the log of the estimated softmax sum [n] of a slice of rows.

    `drawn` holds weights and bias of the drawn words. Fills `gradients.hidden` of the slice, adds to the other two.
    """
    logits = torch.addmm(drawn.bias, hidden, drawn.weight.T)
    rows = (columns < logits.shape[1]).nonzero()[:, 0]
    logits[rows, columns[rows]] = -torch.inf  # the target's own term is added below
    log_sums = torch.logaddexp(target_logits, logits.logsumexp(1))
    logit_gradient = logits.sub_(log_sums[:, None]).exp_()
    torch.mm(logit_gradient, drawn.weight, out=gradients.hidden)
    gradients.weight.addmm_(logit_gradient.T, hidden)
    gradients.bias.add_(logit_gradient.sum(0))
    return log_sums
