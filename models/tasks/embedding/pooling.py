"""Pooling: one vector of the vectors of a text's tokens."""

from __future__ import annotations

from models.model import Floats
from models.tasks.embedding.config import EmbeddingPooling
from models.tasks.embedding.encode import TextVectors


def pool(vectors: TextVectors, pooling: EmbeddingPooling) -> Floats:
    """Return one vector [D] for a text.

    >>> import numpy as np
    >>> vectors = TextVectors(np.float32([[1, 4], [3, 0]]), last=np.float32([3, 4]))
    >>> pool(vectors, "mean").tolist(), pool(vectors, "max").tolist(), pool(vectors, "last").tolist()
    ([2.0, 2.0], [3.0, 4.0], [3.0, 4.0])
    """
    if pooling == "last":
        return vectors.last
    pooled: Floats = vectors.tokens.max(0) if pooling == "max" else vectors.tokens.mean(0)
    return pooled
