"""Embedding of many texts, in chunks."""

import numpy as np
import pytest

from models.tasks.embedding.config import EmbeddingPooling
from models.tasks.embedding.encode import encode
from models.tasks.embedding.predict import embed
from models.tasks.text import TaskText
from models.utils.progress import run_to_completion
from tests.helpers.serving import WORDS, classifier

TEXTS = ["the old dog", "", "a zebra saw the cat .", "the " * 600, "cat " * 700]


@pytest.mark.parametrize("pooling", ["mean", "max", "last"])
def test_embed_pools_the_vectors_of_each_text(pooling: EmbeddingPooling) -> None:
    model = classifier()
    results = run_to_completion(embed(model, WORDS, TEXTS, pooling))
    for text, result in zip(TEXTS, results, strict=True):
        (vectors,) = encode(model, [TaskText.of(WORDS, text)])
        rows = vectors.tokens
        expected = {"mean": rows.mean(0), "max": rows.max(0), "last": vectors.last}[pooling]
        assert result.vector == pytest.approx(expected, abs=1e-5)
        assert result.token_vectors is None
        assert len(result.text) == len(rows)


def test_embed_yields_the_tokens_of_each_chunk() -> None:
    work = embed(classifier(), WORDS, TEXTS, per_token=True)
    chunks = list(work)
    assert sum(chunks) == 4 + 1 + 7 + 601 + 701
    assert len(chunks) > 1


def test_embed_per_token_gives_what_is_pooled() -> None:
    for result in run_to_completion(embed(classifier(), WORDS, TEXTS, "mean", per_token=True)):
        assert result.token_vectors is not None
        assert np.array_equal(result.token_vectors.mean(0), result.vector)
