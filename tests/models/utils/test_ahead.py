"""Iteration ahead: the same items, errors and ends."""

from collections.abc import Iterator

import pytest

from models.utils.parallel import read_ahead


def test_items_come_in_order_and_may_be_none() -> None:
    assert list(read_ahead([3, None, 1])) == [3, None, 1]
    assert list(read_ahead([])) == []


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("two")

    found = read_ahead(items())
    assert next(found) == 1
    with pytest.raises(KeyError, match="two"):
        next(found)


def test_who_stops_early_leaves_no_more_than_one_item_made() -> None:
    made: list[int] = []
    found = read_ahead(made.append(i) or i for i in range(9))
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert made == [0, 1]
