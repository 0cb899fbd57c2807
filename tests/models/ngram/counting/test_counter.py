"""Counting in blocks against counting at once."""

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.ngram.counting.counter import block_tokens, count_in_blocks
from models.ngram.counting.extraction import count_ngrams
from models.utils.scratch import Scratch
from tests.helpers.estimation import assert_same_counts


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=60), st.integers(1, 5), st.integers(0, 9))
def test_count_in_blocks_equals_counting_at_once(tmp_path: Path, text: list[int], order: int, more: int) -> None:
    ids = np.array(text, np.int32)
    for scratch in (Scratch(), Scratch(1 << 40, tmp_path)):
        assert_same_counts(count_in_blocks(ids, order, 5, order + more, scratch), count_ngrams(ids, order, 5))
    assert list(tmp_path.iterdir()) == []  # nothing has a name that a killed process could leave behind


def test_block_tokens_fit_the_budget() -> None:
    assert block_tokens(130 << 20, 5) == 1 << 20
    assert block_tokens(1, 7) == 7
