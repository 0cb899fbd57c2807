"""Errors of items as JSON, named by their places."""

import pytest

from app.http.item_errors import told_errors
from models.errors import InvalidInput, InvalidText


def test_told_errors_name_the_item_once() -> None:
    results = [{"a": 1}, InvalidText("text", "must hold something"), InvalidInput("text.2.score", "must be a number")]
    told = told_errors(results, text=["x", "", {}])
    assert told[0] == {"a": 1}
    assert told[1]["error"] == {
        "message": "text.1: must hold something",
        "type": "invalid_request_error",
        "param": "text.1",
        "code": "invalid_text",
    }
    assert (told[2]["error"]["param"], told[2]["error"]["code"]) == ("text.2.score", "invalid_input")


@pytest.mark.parametrize("field", ["text", "top_k"])
def test_told_errors_of_a_single_text_or_another_field_are_the_requests(field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        told_errors([InvalidInput(field, "is wrong")], text="a", **{} if field == "text" else {"context": ["a"]})
