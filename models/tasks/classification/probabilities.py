"""Log-probabilities of labels from scores: one of several, or each apart."""

from __future__ import annotations

import numpy as np

from models.model import Floats


def log_softmax(logits: Floats) -> Floats:
    """Return log-probabilities [B, L] of unnormalized ones, row by row."""
    shifted = logits - logits.max(1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return result


def log_sigmoid(logits: Floats) -> Floats:
    """Return the logarithms of 1 / (1 + e^-x)."""
    result: Floats = -np.logaddexp(np.float32(0), -logits)
    return result
