"""Calls of compiled functions from Python: kinds of arguments and results, and other types."""

from typing import NamedTuple

import numpy as np
import pytest

from models.kernels.jit import compiled, subroutine


class Pair(NamedTuple):
    numbers: np.ndarray
    scale: float


@compiled
def weigh(pair, count, inner):
    """Return whether there are numbers, their weighted sum, and the length of what is nested."""
    total = 0.0
    for i in range(count):
        total += pair.numbers[i] * pair.scale
    return count > 0, total, len(inner[0][1])


@compiled
def fill(numbers, value):
    for i in range(len(numbers)):
        numbers[i] = value


@compiled
def size_of(rows):
    return rows.shape[0] * rows.shape[1]


@compiled
def halve(number):
    return number / 2


@subroutine
def sum_of_copy(numbers):
    copy = np.empty(len(numbers), np.float64)
    for i in range(len(numbers)):
        copy[i] = numbers[i]
    return copy.sum()


@compiled
def sum_of_values(records):
    total = 0.0
    for i in range(len(records)):
        total += records[i].value
    return total


def nested() -> tuple[tuple[int, np.ndarray]]:
    return ((1, np.zeros(4, np.uint8)),)


def test_call_takes_tuples_and_returns_them():
    assert weigh(Pair(np.array([1.0, 2.0, 4.0]), 0.5), 2, nested()) == (True, 1.5, 4)
    assert weigh(Pair(np.array([1.0]), 0.5), 0, nested()) == (False, 0.0, 4)


def test_call_writes_into_the_arrays_of_the_caller():
    numbers = np.zeros(3, np.float32)
    assert fill(numbers, 2.5) is None
    assert numbers.tolist() == [2.5, 2.5, 2.5]


def test_call_with_other_types_compiles_for_them_too():
    whole = np.zeros(2, np.int64)
    fill(whole, 7)
    assert whole.tolist() == [7, 7]
    assert {"<f4 1 w,float", "<i8 1 w,int"} <= {types.strip("()") for types in fill.specializations}


@pytest.mark.parametrize(
    "fields",
    [
        {"names": ["count", "value"], "formats": ["<i8", "<f8"]},
        {"names": ["value", "count"], "formats": ["<f8", "<i8"]},
        {"names": ["count", "value"], "formats": ["<f8", "<i8"]},
        {"names": ["count", "value"], "formats": ["<i8", "<f8"], "offsets": [8, 0]},
        {"names": ["count", "value"], "formats": ["<i8", "<f4"], "itemsize": 16},
        {"names": ["other", "value"], "formats": ["<i8", "<f8"]},
    ],
)
def test_call_reads_records_by_their_fields(fields):
    """All of them have the same size in bytes: names, places and types of fields tell them apart."""
    for _ in range(2):
        records = np.zeros(3, np.dtype(fields))
        records["value"] = [1, 2, 4]
        assert sum_of_values(records) == 7


@pytest.mark.parametrize("rows", [np.zeros((3, 5)), np.zeros((6, 5))[::2], np.zeros((5, 3)).T, np.zeros((0, 2))])
def test_call_takes_arrays_in_any_order_of_memory(rows):
    assert size_of(rows) == rows.size


def test_call_keeps_read_only_arrays_as_they_are():
    numbers = np.zeros(2, np.float32)
    numbers.flags.writeable = False
    with pytest.raises(Exception, match=r"(?i)readonly|mutable|setitem"):
        fill(numbers, 1.0)
    assert numbers.tolist() == [0, 0]


@pytest.mark.parametrize("wrong", [np.zeros(3), "text", 1, None])
def test_call_refuses_what_the_function_cannot_take(wrong):
    with pytest.raises(Exception, match=r"(?i)type|index|attribute|tuple"):
        size_of(wrong)


@pytest.mark.parametrize("number", [3, 3.0, np.float32(3), np.int64(3), True])
def test_call_takes_numbers_of_python_and_numpy(number):
    assert halve(number) == number / 2


def test_call_refuses_whole_numbers_beyond_64_bits():
    assert halve(2**62) == 2**61
    with pytest.raises(Exception, match=r"(?i)too (large|big)|overflow"):
        halve(2**64)


def test_call_of_a_function_that_allocates_gives_its_memory_back():
    numbers = np.arange(100_000.0)
    assert {sum_of_copy(numbers) for _ in range(200)} == {numbers.sum()}


def test_call_of_python_arguments_by_name_is_refused():
    with pytest.raises(TypeError):
        halve(number=3)
