"""Records: their texts, and lines that keep what they do not replace."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.selection.records import error_line, parse_lines, scored_line

SCORES = {"perplexity": 2.5}
FORMATTED = b'{"perplexity":2.5}'
VALUES = st.recursive(st.integers() | st.floats(allow_nan=False) | st.text() | st.none(), st.lists, max_leaves=4)


@given(fields=st.dictionaries(st.text(), VALUES, max_size=4), text=st.text())
def test_scored_line_keeps_every_byte_of_a_record(fields: dict[str, object], text: str) -> None:
    line = json.dumps({**fields, "text": text}).encode()
    scored = scored_line(line, "jsonl", text, FORMATTED)
    assert json.loads(scored) == {**fields, "text": text, "scores": SCORES}
    if "scores" not in fields:
        assert scored.startswith(line[:-1])


def test_scored_line_replaces_scores_alone() -> None:
    line = b'{"scores": {"old": 1}, "id": 123456789012345678901234567890, "text": "a"}'
    scored = scored_line(line, "jsonl", "a", FORMATTED)
    assert scored == b'{"id":123456789012345678901234567890,"text":"a","scores":{"perplexity":2.5}}'
    nested = b'{"more": {"scores": 1}, "text": "a"}'
    assert scored_line(nested, "jsonl", "a", FORMATTED) == nested[:-1] + b',"scores":{"perplexity":2.5}}'
    assert json.loads(scored_line(b"a  b", "text", "a  b", FORMATTED)) == {"text": "a  b", "scores": SCORES}


def test_parse_lines_tells_what_is_wrong_with_each_record() -> None:
    lines = [
        b'{"text": "a"}\r',
        b"  ",
        b"{bad",
        b"[1]",
        b'{"text": 3}',
        b'{"other": "b"}',
        b'{"text": "\\ud800"}',
        b"\xff",
        None,
        b'{"a": NaN}',
    ]
    records = parse_lines(lines, 5, "jsonl", "text")
    assert records.numbers == [5, 7, 8, 9, 10, 11, 12, 13, 14]
    assert records.texts == ["a"] + [""] * 8
    assert sorted(records.errors) == list(range(1, 9))
    assert records.errors[2] == "must be a JSON object"
    assert records.errors[4] == 'must have a string as "text"'
    assert records.errors[7] == "is longer than a record may be"


def test_parse_lines_reads_text_as_it_stands() -> None:
    records = parse_lines([b" a  b \r", b"\t", b"\xff", "é".encode()], 1, "text", "text")
    assert records.lines == [b" a  b ", b"\xff", "é".encode()]
    assert records.texts == [" a  b ", "", "é"]
    assert records.errors == {1: "is not UTF-8 (byte 0 of it, from 0)"}


@pytest.mark.parametrize(
    ("line", "kind", "text", "expected"),
    [
        (b'{"id": 1}', "jsonl", "", {"id": 1, "scores": {"line": 7, "error": "why"}}),
        (b"{}", "jsonl", "", {"scores": {"line": 7, "error": "why"}}),
        (b"{bad", "jsonl", "", {"scores": {"line": 7, "error": "why"}}),
        (b"", "text", "", {"scores": {"line": 7, "error": "why"}}),
        (b"a", "text", "a", {"text": "a", "scores": {"line": 7, "error": "why"}}),
    ],
)
def test_error_line_has_the_number_and_the_reason(line: bytes, kind, text: str, expected: dict[str, object]) -> None:
    assert json.loads(error_line(line, kind, text, 7, "why")) == expected
