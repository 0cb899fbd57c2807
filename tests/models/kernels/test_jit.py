"""Instructions that compiled functions call."""

import numpy as np
import pytest
from numba import njit

from models.kernels.jit import (
    array_at,
    atomic_add,
    atomic_load,
    compare_and_swap,
    count_trailing_zeros,
    load_int64,
    prefetch,
)


def run(function, *args):
    """Call a function of compiled functions as a compiled function does."""
    return njit(function)(*args)


@pytest.fixture
def numbers():
    return np.array([5, 7, 9], np.int64)


def test_array_at_views_memory_in_place(numbers):
    def write(address):
        array_at(address, (1, 3), np.int64)[0, 1] += 1

    run(write, numbers.ctypes.data)
    assert numbers.tolist() == [5, 8, 9]


def test_atomic_add_returns_the_number_before(numbers):
    assert run(lambda address: atomic_add(address, 3), numbers.ctypes.data) == 5
    assert run(lambda address: atomic_load(address), numbers.ctypes.data) == 8


@pytest.mark.parametrize(("expected", "after"), [(5, 1), (6, 5)])
def test_compare_and_swap_changes_only_what_is_expected(numbers, expected, after):
    swapped = run(lambda address, expected: compare_and_swap(address, expected, 1), numbers.ctypes.data, expected)
    assert (swapped, numbers[0]) == (after == 1, after)


def test_load_int64_reads_at_any_address():
    text = np.frombuffer(b"abcdefghijk", np.uint8).copy()
    assert run(lambda address: load_int64(address), text.ctypes.data + 1) == int.from_bytes(b"bcdefghi", "little")


@pytest.mark.parametrize("zeros", [0, 1, 40, 62])
def test_count_trailing_zeros(zeros):
    assert run(lambda number: count_trailing_zeros(number), 1 << zeros) == zeros


def test_prefetch_of_an_invalid_address_does_nothing():
    run(lambda address: prefetch(address), 1)
