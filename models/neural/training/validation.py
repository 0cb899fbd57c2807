"""The loss on held-out tokens while a network trains: quick, the same every time, and interruptible.

It knows ids and models. Figures to be published come from `evaluation`, which knows texts, units and unknown words.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch

from models.data.bptt_batches import Ids
from models.language_model import LanguageModel
from models.utils.progress import Progress

_TOKENS_A_ROW = 4000
"""A row is long beside the few tokens that its start costs: it begins without what the row above it has read."""
_MOST_ROWS = 16
_SLICE = 64


def held_out_loss(model: LanguageModel, tokens: Ids) -> Generator[Progress, None, float]:
    """Mean of -log P in nats a token, the text read as a few long rows side by side; yields between slices."""
    rows = max(1, min(_MOST_ROWS, len(tokens) // _TOKENS_A_ROW))
    width = -(-len(tokens) // rows)
    padded = torch.from_numpy(np.pad(tokens, (0, rows * width - len(tokens))).astype(np.int64)).view(rows, width)
    lengths = (len(tokens) - torch.arange(rows) * width).clamp(0, width)
    state, total = model.start(rows), 0.0
    for begin in range(0, width, _SLICE):
        part = padded[:, begin : begin + _SLICE]
        scores, state = model.score(state, part, (lengths - begin).clamp(0, part.shape[1]))
        total -= float(scores.sum(dtype=torch.float64))
        yield Progress("validating", min(begin + _SLICE, width) * rows, width * rows)
    return total / len(tokens)
