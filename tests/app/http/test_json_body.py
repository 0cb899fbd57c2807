"""JSON that parsers give up on, made readable without changing the rest."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from app.http.json_body import MAX_DEPTH, MAX_DIGITS, content_hint, repair_json, validate_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


class Body(BaseModel):
    """A body of anything."""

    items: list[object]


@given(VALUES, st.booleans())
def test_repair_json_leaves_ordinary_json_as_it_is(value: object, ascii_only: bool) -> None:
    content = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert repair_json(content) is content


@given(st.lists(VALUES, max_size=3), st.integers(MAX_DEPTH, 3000), st.integers(MAX_DIGITS + 1, 9000), st.data())
def test_repair_json_costs_only_the_item_that_is_too_deep_or_too_long(
    others: list[object], depth: int, digits: int, data: st.DataObject
) -> None:
    shapes = [
        "[" * depth + "]" * depth,
        '{"]": ' * depth + "{}" + "}" * depth,
        "7" * digits,
        "-" + "7" * digits,
        '{"a": [' + "7" * digits + "]}",
    ]
    items = [json.dumps(other) for other in others]
    place, shape = data.draw(st.integers(0, len(items))), data.draw(st.sampled_from(shapes))
    items.insert(place, shape)
    parsed = json.loads(repair_json(f"[{', '.join(items)}]".encode()))
    assert parsed[:place] + parsed[place + 1 :] == others
    assert not isinstance(parsed[place], str)


@pytest.mark.parametrize("fraction", ["0." + "7" * 3000, "1e-" + "0" * 3000 + "5", "1E+" + "0" * 3000 + "5", "12.5e3"])
def test_repair_json_leaves_numbers_that_floats_can_hold(fraction: str) -> None:
    assert json.loads(repair_json(f"[{fraction}]".encode())) == [float(fraction)]
    assert repair_json(f'["{"7" * 5000}"]'.encode()) == f'["{"7" * 5000}"]'.encode()


@pytest.mark.parametrize("content", [b"[" * 100_000, b"]" * 100_000, b'"' * 1001, b"[" * 101 + b"]" * 50, b'{"a": "\\'])
def test_repair_json_of_what_is_no_json_is_none_either(content: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        json.loads(repair_json(content))


def test_validate_json_takes_what_the_first_parser_refuses() -> None:
    deep = "[" * 5000 + "]" * 5000
    body = validate_json(Body, f'{{"items": ["a", "\\ud800", {deep}, {"1" * 9999}]}}'.encode())
    assert (body.items[0], body.items[1], body.items[3]) == ("a", "\ud800", float("inf"))
    with pytest.raises(ValidationError, match="json_invalid"):
        validate_json(Body, b'{"items": [}')
    with pytest.raises(ValidationError, match="missing"):
        validate_json(Body, b'{"\\ud800": 1}')


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b'{"text": "cafe"', ""),
        (b'{"text": "caf\xe9"}', "; it looks like Latin-1"),
        ('{"text": "æ'.encode() + b'\xe9"}', ""),  # UTF-8 before it: damaged rather than in another encoding
        ('{"text": "a"}'.encode("utf-16"), "; it looks like UTF-16"),
        ('{"text": "a"}'.encode("utf-16-be"), "; it looks like UTF-16"),
        (gzip.compress(b"{}", mtime=0), "; it looks like gzip data: decompress it first"),
        ({}, ""),
    ],
)
def test_content_hint_names_what_bytes_look_like(content: object, hint: str) -> None:
    assert content_hint(content) == hint
