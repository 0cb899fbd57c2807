"""Errors of single items among the results of a request, as JSON content: `told_errors`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from app.http.error_responses import to_api_error
from models.errors import InvalidInput

Content: TypeAlias = dict[str, Any]
Given: TypeAlias = str | Sequence[Any]
"""A field as it was sent: a single text, or a list."""


def told_errors(results: Sequence[Content | InvalidInput], **fields: Given) -> list[Content]:
    """Return results with `{"error": ...}` for each error; its `param` gets the item's number.

    `fields` are the lists that the items come from, by name. Raises the error of a field that was a single text: it is
    the whole request's.
    """
    numbered = enumerate(results)
    return [_tell(result, i, fields) if isinstance(result, InvalidInput) else result for i, result in numbered]


def _tell(error: InvalidInput, index: int, fields: dict[str, Given]) -> Content:
    name = error.field.partition(".")[0]
    if isinstance(fields.get(name, ""), str):
        raise error
    if error.field == name:
        error = error.of_field(f"{name}.{index}")
    return to_api_error(error).content()
