"""Log-probabilities of labels from scores: one of several, or each apart."""

from __future__ import annotations

import numpy as np

from models.model import Floats


def log_sigmoid(logits: Floats) -> Floats:
    """Return the logarithms of 1 / (1 + e^-x)."""
    result: Floats = -np.logaddexp(np.float32(0), -logits)
    return result
