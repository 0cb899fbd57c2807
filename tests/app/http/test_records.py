"""Records of a stream: what is read of a line, and what its result repeats."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.records import own_fields, parse_record, record_text
from app.http.request_body import RecordLine
from models.errors import InvalidInput

RESERVED = {"error", "line", "record", "perplexity"}
NAMES = st.sampled_from([*RESERVED, "text", "id", "tags"])


@given(st.dictionaries(NAMES, st.integers() | st.text() | st.none()), st.booleans())
def test_own_fields_lose_nothing_and_never_take_a_reserved_name(record: dict, keep_text: bool) -> None:
    own = own_fields(record, RESERVED, keep_text=keep_text)
    assert own.keys() & RESERVED <= {"record"}
    together = {name: value for name, value in own.items() if name != "record"} | own.get("record", {})
    assert together == {name: value for name, value in record.items() if keep_text or name != "text"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "longer than a record may be"),
        (b"{not json", r"is not JSON: it is written wrong \(column 2\)"),
        (b"[" * 5000, "is not JSON: it is nested too deep"),
        (b'{"a": 1e400}', "is not JSON: it holds a number of too many digits"),
        (b'{"a": ' + b"7" * 5000 + b"}", "is not JSON: it holds a number of too many digits"),
        (b'{"a": NaN}', "is not JSON: it holds what is no JSON number"),
        (b'{"a": "\xff"}', "is not JSON: it is not in UTF-8; it looks like Latin-1$"),
        ('{"a": "café"}'.encode("utf-16"), "; it looks like UTF-16$"),
        ('{"a": "café"}'.encode("utf-16-le"), "; it looks like UTF-16$"),
        (gzip.compress(b"{}", mtime=0), "; it looks like gzip data: decompress it first$"),
        (b"[1]", 'must be an object with a string as "text"'),
        (b"null", 'must be an object with a string as "text"'),
    ],
)
def test_parse_record_names_the_line_and_what_is_wrong(data: bytes | None, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        parse_record(RecordLine(7, data))
    assert "line 7" in str(caught.value)
    assert caught.value.field == "record"


def test_parse_record_keeps_numbers() -> None:
    record = {"a": 2**70, "b": 0.1, "c": -1e308, "d": 10**4000}
    assert parse_record(RecordLine(1, json.dumps(record).encode())) == record


@pytest.mark.parametrize("record", [{}, {"text": 3}, {"text": None}, {"text": ["a"]}])
def test_record_text_must_be_a_string(record: dict) -> None:
    with pytest.raises(InvalidInput, match='line 2 must be an object with a string as "text"'):
        record_text(RecordLine(2, b""), record)
