"""Bad items among good ones: each error in its place, and no more calls than halving needs."""

import math
from collections.abc import Generator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.isolation import good_items, isolate, merge_errors
from models.errors import InvalidInput, InvalidText
from models.utils.progress import run_to_completion

calls: list[int] = []


def predict(items: Sequence[int]) -> Generator[int, None, list[int]]:
    """Square numbers; negative ones are bad."""
    calls.append(len(items))
    yield len(items)
    for item in items:
        if item < 0:
            raise InvalidText("text", f"must not be {item}")
    return [item * item for item in items]


@given(st.lists(st.integers(-2, 9), min_size=1, max_size=40))
def test_isolate_gives_each_item_what_it_gets_alone(items: list[int]) -> None:
    calls.clear()
    results = run_to_completion(isolate(predict)(items))
    for item, result in zip(items, results, strict=True):
        assert str(result) == (f"text: must not be {item}" if item < 0 else str(item * item))
    bad = sum(item < 0 for item in items)
    assert len(calls) <= 1 + 2 * bad * math.ceil(math.log2(len(items) + 1))


def test_isolate_leaves_errors_of_the_request_alone() -> None:
    def refuse(items: Sequence[int]) -> Generator[int, None, list[int]]:
        yield len(items)
        raise InvalidInput("top_k", "must be 0 or more")

    with pytest.raises(InvalidInput, match="top_k"):
        run_to_completion(isolate(refuse)([1, 2, 3]))


def test_merge_errors_keeps_the_order() -> None:
    first, last = InvalidInput("text.0", "a"), InvalidInput("text.3", "b")
    items = [first, 2, 3, last]
    assert good_items(items) == [2, 3]
    assert merge_errors(items, [4, 9]) == [first, 4, 9, last]
    assert merge_errors([], []) == []
