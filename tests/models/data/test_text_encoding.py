"""Encodings: bytes to UTF-8 for any slices, marks, and guesses at what bytes are."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.encoding_names import check_encoding
from models.data.text_encoding import Utf8Converter, encoding_hint, guess_utf_16
from models.errors import InvalidInput, InvalidText

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-8-sig", "utf-7", "gb18030")
texts = st.text(st.characters(min_codepoint=1, codec="utf-8"))


def convert(data: bytes, cuts: list[int], *arguments: str, is_lenient: bool = False) -> bytes:
    """The UTF-8 of `data`, cut into slices at `cuts`."""
    converter = Utf8Converter(*arguments, is_lenient=is_lenient)
    borders = [0, *sorted(cuts), len(data)]
    pieces = [converter.feed(data[i:j]) for i, j in pairwise(borders)]
    return b"".join(pieces) + converter.feed(b"", final=True)


@pytest.mark.parametrize("encoding", ENCODINGS[1:])
@given(text=texts, cuts=st.lists(st.integers(0, 40), max_size=5))
def test_converter_gives_the_same_text_for_any_slices(encoding: str, text: str, cuts: list[int]) -> None:
    assert convert(text.encode(encoding), cuts, encoding).decode() == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@given(text=texts, cuts=st.lists(st.integers(0, 40), max_size=5))
def test_converter_finds_the_encoding_by_its_mark(encoding: str, text: str, cuts: list[int]) -> None:
    assert convert(text.encode(encoding), cuts).decode() == text


@given(st.binary(), st.lists(st.integers(0, 40), max_size=5))
def test_converter_passes_other_bytes_as_they_are(data: bytes, cuts: list[int]) -> None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")) or guess_utf_16(data[:32]):
        return
    assert convert(data, cuts) == data


@given(st.binary(), st.lists(st.integers(0, 40), max_size=5))
def test_converter_that_is_lenient_marks_bad_bytes_and_goes_on(data: bytes, cuts: list[int]) -> None:
    """Exactly what is not in the encoding is not in UTF-8 afterwards."""
    for encoding in ("ascii", "cp1252", "utf-16-le"):
        converted = convert(data, cuts, encoding, is_lenient=True)
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            with pytest.raises(UnicodeDecodeError):
                converted.decode()
        else:
            assert converted.decode() == text


def test_converter_names_the_first_byte_that_is_not_in_the_encoding() -> None:
    for cut in range(7):
        with pytest.raises(InvalidText, match=r"text: must be cp1252, and byte 3 \(from 0\) is not"):
            convert(b"abc\x81def", [cut], "cp1252")
    with pytest.raises(InvalidText, match="body: must be utf-16"):
        convert(b"\xff\xfea\0\x00\xd8b\0", [3], "utf-8", "body")


def test_guess_of_utf_16_needs_letters_and_control_characters_in_turn() -> None:
    for text in ("the cat", "\u043e\u0434\u0438\u043d \u0434\u0432\u0430", "\u0928\u092e\u0938 \u0924\u0947"):
        assert guess_utf_16(text.encode("utf-16-le")) == "utf-16-le"
        assert guess_utf_16(text.encode("utf-16-be")) == "utf-16-be"
        assert guess_utf_16(text.encode()) is None
    for head in (b"", b"a\0b\0", b"1\t2\t3\t4\t5\t", bytes(32), b"\0a" * 3 + b"ab" * 4):
        assert guess_utf_16(head) is None


def test_encoding_hint_takes_a_bad_byte_after_utf_8_for_damage() -> None:
    assert "latin-1" in encoding_hint(b"caf\xe9", 0xE9, is_first=True)
    assert "cp1252" in encoding_hint(b"don\x92t", 0x92, is_first=True)
    assert encoding_hint(b"caf\xc3\xa9 \xe9", 0xE9, is_first=False) == ""


@pytest.mark.parametrize(
    "name", ["utf-99", "rot13", "base64", "idna", "undefined", "unicode_escape", "", "a\0b", "\udc80"]
)
def test_check_encoding_refuses_what_no_file_is_in(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"encoding: must be an encoding of text, as utf-8, latin-1"):
        check_encoding(name)


@pytest.mark.parametrize("name", [*ENCODINGS, "latin-1", "cp1252", "shift_jis", "koi8-r", "UTF8", "big5"])
def test_check_encoding_knows_pythons_names(name: str) -> None:
    assert check_encoding(name) == name
