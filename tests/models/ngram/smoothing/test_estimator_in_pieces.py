"""Estimation in pieces, of counts and a table on disk, against estimation in memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.ngram.config import NgramConfig
from models.ngram.counting.counter import count_in_blocks
from models.ngram.counting.extraction import count_ngrams
from models.ngram.smoothing.estimator import estimate_from_counts
from models.utils.scratch import Scratch
from tests.helpers.estimation import SMOOTHINGS


class TinyScratch(Scratch):
    """Scratch files of which 60 bytes fit in memory at once, and 16 rows make a piece."""

    def require(self, size: int, purpose: str) -> int:
        return 120

    def slices(self, size: int, rows: int = 16) -> Iterator[slice]:
        return super().slices(size, 16)


CONFIGS = [
    *(NgramConfig(4, smoothing) for smoothing in SMOOTHINGS),
    *(NgramConfig(3, smoothing, prune=(0, 0, 1)) for smoothing in ("kneser_ney", "katz", "absolute", "backoff")),
    NgramConfig(4, prune_entropy=1e-3),
    NgramConfig(3, bits=8),
    NgramConfig(1),
]


@pytest.fixture(autouse=True)
def few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.utils.parallel.ROWS_PER_SLICE", 7)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_estimate_in_pieces_is_bit_equal(config: NgramConfig, closed: bool, tmp_path: Path) -> None:
    ids = np.random.default_rng(3).zipf(1.5, 900).clip(0, 59).astype(np.int32)
    ids[::11] = ids[-1] = 1
    scratch = TinyScratch(1 << 40, tmp_path)
    expected = estimate_from_counts(config, count_ngrams(ids, config.order, 70), closed=closed)
    counts = count_in_blocks(ids, config.order, 70, 100, scratch)
    table = estimate_from_counts(config, counts, closed=closed, scratch=scratch)
    assert table.details == expected.details
    for name, array in expected.arrays().items():
        assert table.arrays()[name].tobytes() == array.tobytes(), name


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 20), min_size=1, max_size=200), st.integers(1, 5))
def test_estimate_in_pieces_is_bit_equal_for_any_text(tmp_path: Path, text: list[int], order: int) -> None:
    ids, config = np.array(text, np.int32), NgramConfig(order)
    scratch = TinyScratch(1 << 40, tmp_path)
    counts = count_in_blocks(ids, order, 21, order + 9, scratch)
    table = estimate_from_counts(config, counts, scratch=scratch)
    expected = estimate_from_counts(config, count_ngrams(ids, order, 21))
    assert all(table.arrays()[name].tobytes() == array.tobytes() for name, array in expected.arrays().items())


@pytest.mark.parametrize(
    ("config", "closed"),
    [
        (NgramConfig(2, "jelinek_mercer"), False),
        (NgramConfig(2, prune_entropy=1e-6), False),
        (NgramConfig(2, bits=8), False),
        (NgramConfig(2), True),
    ],
    ids=str,
)
def test_estimate_that_needs_all_in_memory_is_refused_beforehand(config: NgramConfig, closed: bool) -> None:
    counts = count_ngrams(np.array([2, 3, 1]), 2, 4)
    with pytest.raises(InvalidInput, match=r"memory: must be \d+ MiB or more for .* n-grams, or left out"):
        estimate_from_counts(config, counts, closed=closed, scratch=Scratch(1))
