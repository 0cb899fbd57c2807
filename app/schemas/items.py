"""Lists of a request of which every item is judged by itself: a bad one costs the others nothing.

Where an item is not acceptable, the validated list holds an InvalidInput in its place, which the route tells there.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import FailFast, Field, GetCoreSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import core_schema

from app.core.plain_messages import explain, locate
from models.errors import InvalidInput

MAX_JUDGED = 1 << 14
"""Most items of a list, and of the lists in it, that are judged one by one, in 0.2 s of the event loop."""
Item = TypeVar("Item")
Items: TypeAlias = list[Item | InvalidInput]
"""Items of a list, with an error in the place of each that is not acceptable."""
_judged: ContextVar[int | None] = ContextVar("nextword_judged_items", default=None)
"""Items that were judged of the list that is being validated, and of the lists in it; None outside of one."""


class EachItem:
    """Annotation of a list of `kind` that validates each item by itself; an empty list is refused.

    So is one that has a bad item and is too long to be judged item by item.
    """

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Wrap the schema of an ordinary list, by which the API documents this one too."""
        del source
        # Errors of millions of items, none of which is told, would take minutes: the first is enough.
        kind = Annotated[list[self._kind], Field(min_length=1), FailFast()]  # type: ignore[name-defined]
        inner = handler.generate_schema(kind)
        return core_schema.with_info_wrap_validator_function(_validate_items, inner)


def _validate_items(value: Any, validate: ValidatorFunctionWrapHandler, info: core_schema.ValidationInfo) -> Any:
    if _judged.get() is not None:  # a list in an item of another one
        return _judge_items(value, validate, info)
    token = _judged.set(0)
    try:
        return _judge_items(value, validate, info)
    finally:
        _judged.reset(token)


def _judge_items(value: Any, validate: ValidatorFunctionWrapHandler, info: core_schema.ValidationInfo) -> Any:
    try:
        return validate(value)  # nearly always all are good, and this is one call for all
    except ValidationError:
        if not isinstance(value, list) or not value or not _may_judge(len(value)):
            raise
    name = info.field_name or "items"
    return [_validate_item(item, validate, f"{name}.{i}") for i, item in enumerate(value)]


def _may_judge(count: int) -> bool:
    """Count items that are to be judged; return whether they are not too many."""
    total = (_judged.get() or 0) + count
    if total <= MAX_JUDGED:
        _judged.set(total)
    return total <= MAX_JUDGED


def _validate_item(item: Any, validate: ValidatorFunctionWrapHandler, name: str) -> Any:
    """Return the validated item, or the error to be told in its place."""
    try:
        return validate([item])[0]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = locate(first["loc"][1:])  # without the 0 of a list of one
        return InvalidInput(f"{name}.{place}" if place else name, explain(first))
