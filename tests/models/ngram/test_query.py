"""Compiled queries against plain Python."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ngram import query, top_k
from models.ngram.trie import child_range, find_child, token
from tests.helpers.estimation import RANDOM_SIZE, path_of, random_model


def test_find_child_finds_the_children_and_nothing_else() -> None:
    table = random_model().table
    trie = table.trie
    for n in range(1, table.order):
        for context in range(table.order_sizes[n - 1]):
            begin, length = child_range(trie, n, context)
            children = {token(trie, n + 1, i): i for i in range(begin, begin + length)}
            assert [find_child(trie, n, context, w) for w in range(RANDOM_SIZE)] == [
                children.get(w, -1) for w in range(RANDOM_SIZE)
            ]


def test_query_score_agrees_with_distributions_to_the_last_bit() -> None:
    subject = random_model()
    for words in ([], [1], [2, 3], list(range(2, 19)), [7, 7, 7]):
        paths = np.array([path_of(subject, words)] * RANDOM_SIZE)
        out, scores = np.empty((1, RANDOM_SIZE), np.float32), np.empty((RANDOM_SIZE, 1), np.float32)
        top_k.write_distributions(subject.table.trie, paths[:1], out)
        all_words = np.arange(RANDOM_SIZE)[:, None]
        query.score(
            subject.table.trie,
            paths,
            all_words,
            np.ones(RANDOM_SIZE, np.int64),
            scores,
            query.query_buffers(subject.table.trie),
        )
        assert scores[:, 0].tolist() == out[0].tolist()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, RANDOM_SIZE - 1).filter(lambda word: word != 1), max_size=20), st.integers(0, 20))
def test_query_path_is_where_the_last_words_are_listed(words: list[int], cut: int) -> None:
    subject = random_model()
    trie = subject.table.trie
    paths = np.full((1, 3), -1)
    for part in (words[:cut], words[cut:]):
        scores = np.empty((1, len(part)), np.float32)
        query.score(trie, paths, np.array([part], np.int64), np.array([len(part)]), scores, query.query_buffers(trie))
    assert paths[0].tolist() == path_of(subject, words)
    advanced = np.full((1, 3), -1)
    query.advance(trie, advanced, np.array([words], np.int64), np.array([len(words)]), query.query_buffers(trie))
    assert advanced.tolist() == paths.tolist()


def test_query_scores_texts_longer_than_a_chunk_as_in_parts() -> None:
    subject = random_model()
    words = np.random.default_rng(6).integers(0, RANDOM_SIZE, 2 * query.CHUNK_WORDS + 7)
    whole, end = subject.score_ids(subject.begin_state(1), words)
    state, parts = subject.begin_state(1), []
    for part in np.split(words, [1, 5, 100, 300]):
        scores, state = subject.score_ids(state, part)
        parts += scores.tolist()
    assert parts == whole.tolist()
    assert state.tolist() == end.tolist()
