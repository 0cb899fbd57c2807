"""What is freed and needed again is not asked of the system again."""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path

import pytest
import torch

from models.allocator import memory_kept

LARGE = 16 << 20  # elements; 64 MiB, above all thresholds

pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")


def faults() -> int:
    """Pages that the system has to find for making a large tensor and letting go of it."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(LARGE)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident() -> float:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_memory_is_kept_within_and_given_back_after() -> None:
    outside, held = faults(), resident()
    with memory_kept():
        # The first few may not fit, by the bytes that alignment takes, between what others have taken meanwhile.
        assert min(faults() for _ in range(8)) < outside / 2
    assert resident() < held + LARGE
    assert faults() > outside / 2
