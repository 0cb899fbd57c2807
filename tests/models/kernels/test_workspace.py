"""Memory is used again, but never by two at a time."""

import ctypes
from itertools import pairwise

from models.kernels.workspace import WorkspacePool


def test_pieces_of_one_call_and_of_calls_within_it_do_not_overlap():
    room, sizes = WorkspacePool(), [1, 64, 0, 100]
    with room.borrow(sizes) as outer, room.borrow([200, 3]) as inner:
        spans = sorted(zip([*outer, *inner], [*sizes, 200, 3], strict=True))
        for (begin, size), (following, _) in pairwise(spans):
            assert begin + size <= following or size == 0
        for address, size in spans:
            assert address % 64 == 0
            ctypes.memset(address, 1, size)


def test_what_is_large_enough_is_used_again():
    room = WorkspacePool()
    with room.borrow([1000]) as (large,):
        pass
    with room.borrow([10, 20]) as (small, _):
        assert small == large
    with room.borrow([1 << 20]) as (larger,):
        assert larger != large


def test_a_call_that_fails_gives_its_memory_back():
    room = WorkspacePool()
    try:
        with room.borrow([50]) as (first,):
            raise ValueError
    except ValueError:
        pass
    with room.borrow([50]) as (again,):
        assert again == first
