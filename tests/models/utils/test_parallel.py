"""Work is done once for each item and comes back in order, whatever the number of threads; cuts leave nothing out."""

import threading
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from models.threads import set_thread_count, thread_count
from models.utils.parallel import (
    ROWS_PER_SLICE,
    context_ranges,
    parallel_imap,
    parallel_map,
    row_slices,
)


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = thread_count()
    set_thread_count(request.param)
    yield request.param
    set_thread_count(before)


def test_parallel_map_keeps_order(threads: int) -> None:
    assert parallel_map(lambda i: i * i, range(100)) == [i * i for i in range(100)]
    assert parallel_map(lambda i: i, iter(range(0))) == []


def test_parallel_map_uses_all_threads_at_once(threads: int) -> None:
    barrier = threading.Barrier(threads, timeout=60)
    assert sorted(parallel_map(lambda _: barrier.wait(), range(threads))) == list(range(threads))


def test_parallel_map_raises_what_an_item_raises(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        parallel_map(lambda i: 1 // i, [1, 0, 2])


def test_parallel_imap_takes_items_without_end(threads: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        while True:
            taken.append(len(taken))
            yield taken[-1]

    results = parallel_imap(lambda i: i * i, items())
    assert [next(results) for _ in range(50)] == [i * i for i in range(50)]
    assert len(taken) <= 50 + threads


def test_parallel_imap_raises_what_an_item_raises_in_its_turn(threads: int) -> None:
    results = parallel_imap(lambda i: 1 // i, iter([1, 1, 0, 1]))
    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("size", [0, 1, ROWS_PER_SLICE, ROWS_PER_SLICE + 1, 3 * ROWS_PER_SLICE - 1])
def test_row_slices_leave_no_row_out(size: int) -> None:
    assert [i for part in row_slices(size) for i in range(part.start, part.stop)] == list(range(size))


@pytest.mark.parametrize("longest", [1, 10, ROWS_PER_SLICE, 5 * ROWS_PER_SLICE])
def test_context_ranges_hold_each_context_once(longest: int) -> None:
    sizes = np.random.default_rng(longest).integers(0, longest + 1, 9 + 5 * ROWS_PER_SLICE // longest)
    begins = np.concatenate([[0], np.cumsum(sizes)])
    ranges = list(context_ranges(begins))
    assert [i for begin, end in ranges for i in range(begin, end)] == list(range(len(sizes)))
    assert all(begins[end] - begins[begin] <= ROWS_PER_SLICE + longest for begin, end in ranges)


def test_context_ranges_copies_nothing_of_the_contexts():
    begins = np.arange(0, 4_000_000, dtype=np.int32)
    tracemalloc.start()
    context_ranges(begins)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < begins.nbytes / 10
