"""A form that streams in: the same fields and the same bytes of the file, whatever pieces it comes in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.multipart_upload import MultipartUpload
from models.errors import InvalidInput

TYPE = 'multipart/form-data; boundary="frontier"'
ACCEPTED = frozenset({"purpose"})


def part(disposition: str, value: bytes) -> bytes:
    return b"--frontier\r\ncontent-disposition: form-data; " + disposition.encode() + b"\r\n\r\n" + value + b"\r\n"


def form(file: bytes = b"a b\n") -> bytes:
    purpose = part('name="purpose"', b"training")
    return purpose + part('name="file"; filename="corpus.txt"', file) + b"--frontier--\r\n"


def parse(body: bytes, size: int = 1 << 16) -> tuple[MultipartUpload, bytes]:
    parser = MultipartUpload(TYPE, ACCEPTED)
    data = b"".join(parser.feed(body[start : start + size]) for start in range(0, len(body), size))
    parser.finish()
    return parser, data


@given(st.binary(max_size=200), st.integers(1, 300))
def test_multipart_upload_gives_out_the_file_as_it_went_in(file: bytes, size: int) -> None:
    parser, data = parse(form(file.replace(b"--frontier", b"")), size)
    assert data == file.replace(b"--frontier", b"")
    assert (parser.fields, parser.filename) == ({"purpose": "training"}, "corpus.txt")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (form()[:-8], "ends before its last boundary"),
        (b"nonsense", "not a multipart"),
        (part('name="purpose"', b"x") + b"--frontier--\r\n", "file: missing"),
        (part('name="colour"', b"x") + form(), "colour: no such field; there are: file, purpose"),
        (part('name="file"; filename="b"', b"x") + form(), "file: given twice"),
        (part('name="purpose"', b"x" * 5000) + form(), "purpose: at most 4096 bytes"),
    ],
)
def test_multipart_upload_refuses_a_malformed_form(body: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse(body)


def test_multipart_upload_refuses_a_form_without_a_boundary() -> None:
    with pytest.raises(InvalidInput, match="boundary"):
        MultipartUpload("multipart/form-data", ACCEPTED)
