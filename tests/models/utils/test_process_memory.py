"""Memory of the process as the system tells it."""

import ctypes

import pytest

from models.utils.process_memory import resident_bytes, return_freed_memory

MIB = 1 << 20


def test_return_freed_memory_returns_what_lies_below_a_piece_in_use() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("glibc alone is asked")
    pieces = [bytes(10_000) for _ in range(10_000)]
    del pieces[:-1]
    before = resident_bytes(unknown=0)
    return_freed_memory()
    assert resident_bytes(unknown=0) < before - 64 * MIB
    assert len(pieces[0]) == 10_000
