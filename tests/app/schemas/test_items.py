"""Lists whose items are validated one by one."""

from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from app.schemas.base import RequestBody, Text
from app.schemas.items import MAX_JUDGED, EachItem, Items
from models.errors import InvalidInput


class Part(RequestBody):
    """An item with fields."""

    text: Text
    score: float = 0.0


class Body(RequestBody):
    """A body with a list of texts and one of objects."""

    names: Annotated[Items[str], EachItem(Text)]
    parts: Annotated[Items[Part], EachItem(Part)] = []  # noqa: RUF012 - pydantic copies it


def test_each_item_puts_errors_in_the_places_of_bad_items() -> None:
    body = Body(names=["a", 3, "\ud800", "b"], parts=[{"text": "a", "score": 2}, {"score": "x", "text": "a"}, 5, {}])
    assert [body.names[0], body.names[3]] == ["a", "b"]
    assert body.parts[0] == Part(text="a", score=2.0)
    errors = [str(item) for item in [*body.names, *body.parts] if isinstance(item, InvalidInput)]
    assert errors == [
        "names.1: must be a string",
        "names.2: must be Unicode; half a surrogate pair is none",
        "parts.1.score: must be a number",
        "parts.2: must be an object of named fields",
        "parts.3.text: required",
    ]


@pytest.mark.parametrize("names", [[], "a", None, {"0": "a"}])
def test_each_item_refuses_what_is_no_list_of_something(names: Any) -> None:
    with pytest.raises(ValidationError):
        Body(names=names)


class Nested(RequestBody):
    """A body with lists in the items of a list."""

    bodies: Annotated[Items[Body], EachItem(Body)]


def test_each_item_judges_no_more_items_than_it_may() -> None:
    assert len(Body(names=["a"] * (MAX_JUDGED + 1)).names) == MAX_JUDGED + 1  # all are good: none is judged
    assert len(Body(names=[1] * MAX_JUDGED).names) == MAX_JUDGED
    with pytest.raises(ValidationError, match="1 validation error"):  # not one for each of the others
        Body(names=[1] * (MAX_JUDGED + 1))


def test_each_item_counts_items_of_lists_in_lists_together() -> None:
    half = {"names": [1, *["a"] * (MAX_JUDGED // 2)]}
    first, second = Nested(bodies=[half, half]).bodies
    assert isinstance(first, InvalidInput) or isinstance(second, InvalidInput)
    for _ in range(2):  # the count begins anew
        assert isinstance(Nested(bodies=[half]).bodies[0], Body)


def test_each_item_is_documented_as_an_ordinary_list() -> None:
    properties = Body.model_json_schema()["properties"]
    assert properties["names"] == {"items": {"type": "string"}, "minItems": 1, "title": "Names", "type": "array"}
    assert properties["parts"]["items"] == {"$ref": "#/$defs/Part"}
