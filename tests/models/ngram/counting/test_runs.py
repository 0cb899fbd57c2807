"""Merging of blocks in pieces of any size against counting at once, and the files that pieces lie in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.ngram.counting import run_merging
from models.ngram.counting.counter import count_in_blocks
from models.ngram.counting.extraction import count_ngrams
from models.ngram.counting.row_file import RowFile
from models.utils.scratch import Scratch
from tests.helpers.estimation import assert_same_counts


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=60),
    order=st.integers(2, 5),
    more=st.integers(0, 9),
    buffered=st.integers(1, 40),
    window=st.integers(1, 9),
)
def test_runs_of_any_pieces_sum_to_counting_at_once(
    tmp_path: Path, text: list[int], order: int, more: int, buffered: int, window: int
) -> None:
    ids, scratch = np.array(text, np.int32), Scratch(1 << 40, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_merging, "_MOST_BUFFERED_RECORDS", buffered)
        patch.setattr(Scratch, "room", lambda *_: 2 * 4 * window)  # half of it are rows of 4 bytes that fit in memory
        counts = count_in_blocks(ids, order, 5, order + more, scratch)
    assert_same_counts(counts, count_ngrams(ids, order, 5))


@pytest.mark.parametrize("memory", [None, 1 << 40])
def test_row_file_is_written_and_read_anywhere(tmp_path: Path, memory: int | None) -> None:
    rows = RowFile(2, np.dtype(np.int64), Scratch(memory, tmp_path))
    rows.write(3, np.array([[7, 8]]))
    rows.append(np.array([[9, 10], [11, 12]], np.int32))
    rows.write(0, np.array([[1, 2], [3, 4], [5, 6]]))
    assert rows.read(2, 5).tolist() == [[5, 6], [7, 8], [9, 10]]
    assert len(rows) == 6
    assert rows.read(6, 6).shape == (0, 2)
    assert list(tmp_path.iterdir()) == []
