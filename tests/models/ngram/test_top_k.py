"""The best words against the head of the whole distribution."""

import numpy as np
import pytest

from models.ngram import top_k
from models.ngram.config import Smoothing
from tests.helpers.estimation import RANDOM_SIZE, SMOOTHINGS, path_of, random_model


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 4])
def test_topk_is_the_head_of_the_sorted_row(smoothing: Smoothing, order: int) -> None:
    subject = random_model(smoothing, order)
    arrays = subject.table.trie
    paths = np.array([path_of(subject, [a, b, a]) for a in range(1, 20, 3) for b in range(2, 22, 3)], np.int64)
    rows = np.empty((len(paths), RANDOM_SIZE), np.float32)
    top_k.write_distributions(arrays, paths, rows)
    ranked = subject.ranked_ngrams
    for k in (1, 3, RANDOM_SIZE):  # many words are equally probable, or have probability zero
        values, words = np.empty((len(paths), k), np.float32), np.empty((len(paths), k), np.int64)
        top_k.topk(arrays, paths, ranked, values, words)
        heads = np.argsort(-rows, axis=1, kind="stable")[:, :k]
        assert words.tolist() == heads.tolist()
        assert values.tolist() == np.take_along_axis(rows, heads, 1).tolist()
