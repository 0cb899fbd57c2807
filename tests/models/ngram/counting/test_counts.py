"""Counts of a small text against numbers counted by hand."""

import numpy as np
import pytest

from models.errors import InvalidInput, TrainingFailed
from models.ngram.counting.counts import Counts
from models.ngram.counting.extraction import count_ngrams

A, B, C = 2, 3, 4
TEXT = np.array([A, B, A, 1, A, B, C, 1, 1], np.int32)
"""Lines "a b a", "a b c" and an empty one."""


def grams(counts: Counts, n: int) -> dict[tuple[int, ...], int]:
    """Return each n-gram that occurs and how often, spelled out from the parents."""
    spelled: list[tuple[int, ...]] = [()]
    for level in counts.levels[:n]:
        spelled = [(*spelled[parent], int(token)) for parent, token in zip(level.parent, level.token, strict=True)]
    return {gram: int(c) for gram, c in zip(spelled, counts.levels[n - 1].count, strict=True) if c}


def test_count_ngrams_has_the_whole_vocabulary_as_unigrams() -> None:
    assert count_ngrams(TEXT, 1, 6).levels[0].count.tolist() == [0, 3, 3, 2, 1, 0]


def test_count_ngrams_has_the_boundary_only_first_and_the_end_only_last() -> None:
    counts = count_ngrams(TEXT, 4, 6)
    assert grams(counts, 2) == {(1, A): 2, (A, B): 2, (B, A): 1, (A, 1): 1, (B, C): 1, (C, 1): 1, (1, 1): 1}
    assert grams(counts, 3) == {(1, A, B): 2, (A, B, A): 1, (B, A, 1): 1, (A, B, C): 1, (B, C, 1): 1}
    assert grams(counts, 4) == {(1, A, B, A): 1, (1, A, B, C): 1, (A, B, A, 1): 1, (A, B, C, 1): 1}


def test_count_ngrams_sorts_levels_by_parent_and_token() -> None:
    for level in count_ngrams(TEXT, 4, 6).levels:
        pairs = list(zip(level.parent.tolist(), level.token.tolist(), strict=True))
        assert pairs == sorted(set(pairs))


def test_count_ngrams_suffix_is_the_ngram_without_its_first_word() -> None:
    counts = count_ngrams(TEXT, 3, 6)
    bigrams, trigrams = list(grams(counts, 2)), list(grams(counts, 3))
    assert [bigrams[s] for s in counts.levels[2].suffix] == [gram[1:] for gram in trigrams]


def test_adjusted_counts_are_the_words_before_except_at_the_boundary() -> None:
    counts = count_ngrams(TEXT, 3, 6)
    unigrams, bigrams, trigrams = (counts.adjusted_counts(n) for n in (1, 2, 3))
    # before </s>: a, c and the boundary; before a: the boundary and b; before b: a; before c: b
    assert unigrams.tolist() == [0, 3, 2, 1, 1, 0]
    # <s> </s> once and <s> a twice, as often as they occur; a </s>: b; a b: <s>; b a: a; b c: a; c </s>: b
    assert bigrams.tolist() == [1, 2, 1, 1, 1, 1, 1]
    assert trigrams.tolist() == [2, 1, 1, 1, 1]


def test_count_ngrams_above_the_longest_line_is_empty() -> None:
    assert [len(level) for level in count_ngrams(np.array([1, 1, 1]), 4, 2).levels] == [2, 1, 0, 0]


def test_count_ngrams_refuses_a_text_without_tokens() -> None:
    with pytest.raises(TrainingFailed, match="no tokens"):
        count_ngrams(np.array([], np.int32), 2, 6)


@pytest.mark.parametrize("ids", [[6, 1], [-1, 1]])
def test_count_ngrams_refuses_ids_outside_the_vocabulary(ids: list[int]) -> None:
    with pytest.raises(InvalidInput, match="0 to 5"):
        count_ngrams(np.array(ids), 2, 6)
