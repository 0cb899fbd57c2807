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


@pytest.mark.parametrize("places", [1, 3, 20])
def test_rank_ngrams_in_pieces_equals_at_once(places: int, monkeypatch: pytest.MonkeyPatch) -> None:
    trie = random_model().table.trie
    whole = top_k.rank_ngrams(trie)
    monkeypatch.setattr(top_k, "_RANKED_PLACES", places)
    pieces = top_k.rank_ngrams(trie)
    assert pieces.bigrams.dtype == np.int32
    assert (pieces.unigrams.tolist(), pieces.bigrams.tolist()) == (whole.unigrams.tolist(), whole.bigrams.tolist())


def test_topk_of_a_large_table_ranks_bigrams_only_when_asked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    ranked, subject = random_model(), random_model()
    monkeypatch.setattr("models.ngram.model.RANKED_AT_ONCE", 0)
    state = subject.advance(subject.begin_state(1), np.array([[5, 7]]))
    expected = [array.tolist() for array in ranked.topk(state, 10)]
    asked = 0
    while "ranked_ngrams" not in subject.__dict__:
        assert [array.tolist() for array in subject.topk(state, 10)] == expected
        asked += 1
    assert 1 < asked < 1000
    assert [array.tolist() for array in subject.topk(state, 10)] == expected
