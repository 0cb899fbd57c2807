"""Look-ups of counts against plain counting of tuples."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ngram.count_table import CountTable
from models.ngram.counting.extraction import count_ngrams
from models.special_tokens import EOS
from tests.helpers.estimation import LINES, SIZE, concat_lines

GRAMS = st.lists(st.sampled_from([0, 1, 2, 3, 4]), min_size=1, max_size=5)


def table_of(lines: list[list[int]], order: int) -> CountTable:
    return CountTable(count_ngrams(concat_lines(lines), order, SIZE).levels)


def occurrences(lines: list[list[int]], order: int) -> Counter[tuple[int, ...]]:
    """Count each n-gram of up to `order` words; the boundary before a line is no unigram."""
    grams: Counter[tuple[int, ...]] = Counter()
    for line in lines:
        words = [EOS, *line, EOS]
        for n in range(1, order + 1):
            grams.update(tuple(words[i : i + n]) for i in range(n == 1, len(words) - n + 1))
    return grams


@settings(max_examples=100, deadline=None)
@given(LINES, st.integers(1, 4), GRAMS)
def test_count_table_describes_what_occurs(lines: list[list[int]], order: int, ids: list[int]) -> None:
    table, grams = table_of(lines, order), occurrences(lines, order)
    described = table.describe(ids)
    assert [entry.order for entry in described] == list(range(min(len(ids), order), 0, -1))
    for entry in described:
        gram = tuple(ids[len(ids) - entry.order :])
        context_count = sum(c for g, c in grams.items() if len(g) == len(gram) and g[:-1] == gram[:-1])
        assert (entry.ids, entry.count, entry.context_count) == (list(gram), grams[gram], context_count)
        expected = None if not context_count else grams[gram] / context_count
        assert entry.relative_frequency == (None if expected is None else pytest.approx(expected))
        if entry.order == order:
            assert (entry.continuation_count, entry.successors) == (None, None)
        else:
            assert entry.continuation_count == sum(g[1:] == gram for g in grams if len(g) == len(gram) + 1)
            assert entry.successors == sum(g[:-1] == gram for g in grams if len(g) == len(gram) + 1)


def test_count_table_tells_an_unseen_word_from_an_unseen_context() -> None:
    table = table_of([[2, 3], [2, 4]], 3)
    unseen_word, *_ = table.describe([EOS, 2, 2])
    assert (unseen_word.count, unseen_word.context_count, unseen_word.relative_frequency) == (0, 2, 0.0)
    unseen_context, *_ = table.describe([4, 4, 3])
    assert (unseen_context.count, unseen_context.context_count, unseen_context.relative_frequency) == (0, 0, None)
