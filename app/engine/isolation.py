"""Work on many items: `isolate` finds the bad ones, and `merge_errors` puts errors in their places."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any, TypeVar

from app.engine.text_batcher import Predict
from models.errors import InvalidInput, InvalidText

Result = TypeVar("Result")


def isolate(predict: Predict) -> Predict:
    """Return `predict` with the InvalidText that an item leads to in the place of its result.

    Where items together fail, each half is computed by itself, and so on: a bad one among N costs log N calls more. An
    item's result does not depend on its company, so that the good ones keep theirs. Other errors are of the request.
    """
    return partial(_predict_or_halve, predict)


def _predict_or_halve(predict: Predict, items: Sequence[Any]) -> Generator[object, None, list[Any]]:
    # A closure that calls itself would be a reference cycle, and keep its request in memory until garbage is collected:
    # `next` took a quarter longer then.
    try:
        return list((yield from predict(items)))
    except InvalidText as error:
        if len(items) == 1:
            return [error]
    half = len(items) // 2
    first = yield from _predict_or_halve(predict, items[:half])
    return first + (yield from _predict_or_halve(predict, items[half:]))


def good_items(items: Sequence[Result | InvalidInput]) -> list[Result]:
    """Return the items that are no errors."""
    return [item for item in items if not isinstance(item, InvalidInput)]


def merge_errors(items: Sequence[Any], results: Sequence[Result | InvalidInput]) -> list[Result | InvalidInput]:
    """Return the results of the good ones among `items` in their places, and the others' errors in theirs."""
    if len(results) == len(items):  # nearly always: none is bad
        return list(results)
    rest = iter(results)
    return [item if isinstance(item, InvalidInput) else next(rest) for item in items]
