"""Arithmetic modulo 2**64, beside that of Python, whose numbers never overflow."""

import operator

import numpy as np
import pytest
from hypothesis import given, strategies
from numba import njit

from models.kernels.wrapping import wrapping_add, wrapping_multiply, wrapping_subtract

INT64 = strategies.integers(-(2**63), 2**63 - 1)
ADD = njit(lambda a, b: wrapping_add(a, b))
SUBTRACT = njit(lambda a, b: wrapping_subtract(a, b))
MULTIPLY = njit(lambda a, b: wrapping_multiply(a, b))


@pytest.mark.parametrize(
    ("compiled", "exact"), [(ADD, operator.add), (SUBTRACT, operator.sub), (MULTIPLY, operator.mul)]
)
@given(a=INT64, b=INT64)
def test_wrapping_arithmetic_keeps_the_lowest_64_bits(compiled, exact, a, b):
    assert compiled(a, b) % 2**64 == exact(a, b) % 2**64


def test_wrapping_multiply_may_overflow_again_and_again_in_a_loop():
    """A linear congruential generator (Knuth's MMIX), whose loop LLVM would cut short if an overflow were undefined."""

    def draw(state, out):
        for i in range(out.size):
            state[0] = wrapping_add(wrapping_multiply(state[0], 6364136223846793005), 1442695040888963407)
            out[i] = state[0]

    state, out = np.array([1]), np.empty(100, np.int64)
    njit(draw)(state, out)
    expected, number = [], 1
    for _ in out:
        number = (number * 6364136223846793005 + 1442695040888963407) % 2**64
        expected.append(number)
    assert [int(each) % 2**64 for each in out] == expected
