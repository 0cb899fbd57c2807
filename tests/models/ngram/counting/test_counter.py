"""Counting in blocks against counting at once."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.ngram.counting.counter import NgramCounter, block_tokens, count_in_blocks
from models.ngram.counting.extraction import count_ngrams
from models.utils.process_memory import resident_bytes, return_freed_memory
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


def test_counter_refuses_a_vocabulary_that_outgrows_its_memory(tmp_path: Path) -> None:
    return_freed_memory()  # of tests before, so that it does not look like room
    counter = NgramCounter.create(resident_bytes(unknown=0) + (128 << 20), tmp_path)
    held: list[bytes] = []
    with pytest.raises(InvalidInput, match=r"memory: must be .* MiB or more for the vocabulary of this text"):
        held.extend(b"words" * 400_000 for _ in counter.read("text" for _ in range(100)))
    assert 10 < len(held) < 40  # of 2 MB each, and as much besides
    NgramCounter.create(None, tmp_path).check_vocabulary(10**9)
    with pytest.raises(InvalidInput, match=r"memory: must be .* MiB or more for a vocabulary of this size"):
        counter.check_vocabulary(1_000_000)
