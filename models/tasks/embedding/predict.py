"""Embedding of texts in chunks, so that other work can run in between."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

from models.model import Floats, Model
from models.tasks.embedding.config import EmbeddingPooling
from models.tasks.embedding.encode import encode
from models.tasks.embedding.pooling import pool
from models.tasks.text import TaskText, token_chunks, tokenize
from models.tokenization.tokenizer import Tokenizer


class Embedding(NamedTuple):
    """Vectors of one text."""

    text: TaskText
    """Its tokens; the last one is `</s>`, the end of the text."""
    vector: Floats
    """[D] that of the whole text."""
    token_vectors: Floats | None
    """[T, D] those of its tokens, where asked for."""


def embed(
    model: Model,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    pooling: EmbeddingPooling = "mean",
    *,
    per_token: bool = False,
) -> Generator[int, None, list[Embedding]]:
    """Embed texts; yields the tokens of each chunk when it is done.

    Raises TypeError for a model without vectors.
    """
    inputs = yield from tokenize(tokenizer, texts)
    embeddings: dict[int, Embedding] = {}
    for rows in token_chunks([len(text) for text in inputs], model.chunk_tokens):
        chunk = [inputs[row] for row in rows]
        for row, text, vectors in zip(rows.tolist(), chunk, encode(model, chunk), strict=True):
            token_vectors = vectors.tokens.copy() if per_token else None  # a view would keep the whole batch
            embeddings[row] = Embedding(text, pool(vectors, pooling).copy(), token_vectors)
        yield sum(map(len, chunk))
    return [embeddings[row] for row in range(len(inputs))]
