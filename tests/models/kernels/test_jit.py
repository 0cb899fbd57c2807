"""Instructions that compiled functions call."""

import subprocess
import sys

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


def test_compiled_runs_where_neither_machine_code_nor_numbas_cache_can_be_kept():
    """As in a container of another processor whose file system is read-only."""
    program = (
        "import numpy as np; from numba.core.caching import CacheImpl; CacheImpl._locator_classes = []\n"
        "from models.kernels.native import machine_code; machine_code.IS_SUPPORTED = False\n"
        "from models.kernels.best import best_of_rows; from models.kernels.openmp import _compile_entry\n"
        "def entry(address):\n    pass\n"
        "_compile_entry(entry)(0); print(best_of_rows(np.array([[1, 3, 2]], np.float32), 1)[1].item())"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"1\n"
