"""Scratch memory and the addresses of arrays."""

import ctypes
from itertools import pairwise

import numpy as np
import pytest

from models.kernels.workspace import WorkspacePool, address_of

WHOLE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
READ_ONLY = WHOLE.copy()
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize("array", [WHOLE, WHOLE[1:], WHOLE[:, 1:], WHOLE[:0], READ_ONLY, np.zeros(3, np.bool_)])
def test_address_of_is_what_numpy_says(array: np.ndarray) -> None:
    assert address_of(array) == array.ctypes.data


def test_workspace_pieces_of_nested_borrows_do_not_overlap():
    pool, sizes = WorkspacePool(), [1, 64, 0, 100]
    with pool.borrow(sizes) as outer, pool.borrow([200, 3]) as inner:
        spans = sorted(zip([*outer, *inner], [*sizes, 200, 3], strict=True))
        for (begin, size), (following, _) in pairwise(spans):
            assert begin + size <= following or size == 0
        for address, size in spans:
            assert address % 64 == 0
            ctypes.memset(address, 1, size)


def test_workspace_that_is_large_enough_is_used_again():
    pool = WorkspacePool()
    with pool.borrow([1000]) as (large,):
        pass
    with pool.borrow([10, 20]) as (small, _):
        assert small == large
    with pool.borrow([1 << 20]) as (larger,):
        assert larger != large


def test_workspace_is_given_back_by_a_call_that_fails():
    pool = WorkspacePool()
    try:
        with pool.borrow([50]) as (first,):
            raise ValueError
    except ValueError:
        pass
    with pool.borrow([50]) as (again,):
        assert again == first
