"""Scores with the hash index against scores without it."""

import threading

import numpy as np
import pytest

from models.ngram import query
from models.ngram.backoff_table import Trie
from models.ngram.config import NgramConfig
from models.ngram.hash_index import EMPTY_INDEX, HashIndex, build_index, index_bytes
from models.ngram.model import INDEX_MIN_TOKENS, NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.special_tokens import EOS
from tests.helpers.estimation import estimate_model

SIZE = 200
LINES = np.random.default_rng(8).zipf(1.3, (400, 15)).clip(2, SIZE - 1).tolist()


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("prune", [(), (0, 1)])
def test_hash_index_leaves_scores_as_they_are(order: int, prune: tuple[int, ...]) -> None:
    trie = estimate_model(LINES, NgramConfig(order, prune=prune[:order]), SIZE).table.trie
    words = np.random.default_rng(9).zipf(1.3, (3, 1500)).clip(0, SIZE - 1)
    lengths = np.array([1500, 0, 700])
    results = []
    for index in (EMPTY_INDEX, build_index(trie)):
        paths, out = np.full((3, order - 1), -1), np.zeros(words.shape, np.float32)
        query.score(trie, paths, words, lengths, out, query.query_buffers(trie, index))
        results.append((paths.tolist(), out.tolist()))
    assert results[0] == results[1]


def test_hash_index_finds_ngrams_whose_hash_bits_agree_with_another() -> None:
    # With 200,000 triples a slot has room for 14 bits of their hash: a few of these look-ups meet another's first.
    size = 3000
    ids = np.random.default_rng(1).zipf(1.1, 300_000).clip(2, size - 1)
    ids[19::20] = EOS
    model = NgramModel(NgramConfig(3), estimate_from_tokens(NgramConfig(3), ids, size))
    words, lengths = ids[None], np.array([len(ids)])
    results = []
    for index in (EMPTY_INDEX, build_index(model.table.trie)):
        paths, out = np.full((1, 2), -1), np.zeros(words.shape, np.float32)
        query.score(model.table.trie, paths, words, lengths, out, query.query_buffers(model.table.trie, index))
        results.append(out)
    assert np.array_equal(results[0], results[1])


def test_hash_index_has_a_slot_for_each_bigram_and_trigram() -> None:
    table = estimate_model(LINES, NgramConfig(4), SIZE).table
    index = build_index(table.trie)
    assert np.count_nonzero(index.slots) == sum(table.order_sizes[1:3])


def test_hash_index_is_left_out_where_it_is_too_large() -> None:
    model = estimate_model(LINES, NgramConfig(3), SIZE)
    expected = index_bytes(model.table.trie)
    assert build_index(model.table.trie).slots.nbytes == expected
    model.max_index_bytes = expected - 1
    assert model.hash_index is EMPTY_INDEX


def test_hash_index_of_a_large_model_is_built_once_it_saves_more_time_than_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = estimate_model(LINES, NgramConfig(3), SIZE)
    monkeypatch.setattr("models.ngram.model.INDEX_AT_ONCE_BYTES", 0)
    monkeypatch.setattr(
        "models.ngram.model._INDEX_BYTES_PER_TOKEN", index_bytes(model.table.trie) / INDEX_MIN_TOKENS / 2
    )
    model.warm_up()
    words = np.tile(np.arange(2, SIZE), INDEX_MIN_TOKENS)[None, :INDEX_MIN_TOKENS]
    first, _ = model.score(model.begin_state(1), words[:, :-1])  # too few for any index
    assert "hash_index" not in vars(model)
    searched, _ = model.score(model.begin_state(1), words)
    assert "hash_index" not in vars(model)
    indexed, _ = model.score(model.begin_state(1), words)
    assert "hash_index" in vars(model)
    assert np.array_equal(searched, indexed)
    assert np.array_equal(first, searched[:, :-1])


def test_hash_index_is_built_by_one_thread_while_others_score_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model = estimate_model(LINES, NgramConfig(3), SIZE)
    is_building, may_end, built = threading.Event(), threading.Event(), []

    def build(trie: Trie) -> HashIndex:
        built.append(trie)
        is_building.set()
        assert may_end.wait(30)
        return build_index(trie)

    monkeypatch.setattr("models.ngram.model.build_index", build)
    words = np.tile(np.arange(2, SIZE), INDEX_MIN_TOKENS)[None, :INDEX_MIN_TOKENS]
    first = threading.Thread(target=model.score, args=(model.begin_state(1), words))
    first.start()
    assert is_building.wait(30)
    searched, _ = model.score(model.begin_state(1), words)  # does not wait
    may_end.set()
    first.join()
    assert len(built) == 1
    assert np.array_equal(searched, model.score(model.begin_state(1), words)[0])
