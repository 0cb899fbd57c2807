"""Line reader: bytes to clean lines, held against cleaning the whole text at once."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.line_reader import EmptyLines, LineReader
from models.errors import InvalidInput, InvalidText
from models.tokenization.raw_text import WHITESPACE

pieces = st.sampled_from(
    ["a", "bc", " ", "  ", "\n", "\r\n", "\r", "\t", "\xa0", "\u2028", "\u4e2d", "\U0001f600", "\x1c"]
)
texts = st.lists(pieces, max_size=40).map("".join)
LIMIT = 8


def read(data: bytes, cuts: list[int] = [], limit: int = LIMIT, **options: object) -> list[str]:  # noqa: B006
    """The chunks of `data`, cut into slices at `cuts`."""
    reader = LineReader(limit=limit, **options)  # type: ignore[arg-type]
    borders = [0, *sorted(cuts), len(data)]
    return [*(reader.feed(data[i:j]) for i, j in pairwise(borders)), reader.finish()]


def clean(text: str, strip: bool, empty_lines: EmptyLines) -> str:
    """What `LineReader` says it does, done to the whole text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    whole, rest = lines[:-1], lines[-1]
    if strip:
        whole = [line.strip(WHITESPACE) for line in whole] + [line for line in [rest.strip(WHITESPACE)] if line]
        rest = ""
    if empty_lines == "drop":
        whole = [line for line in whole if line.strip(WHITESPACE)]
        rest = rest if rest.strip(WHITESPACE) else ""
    return "".join(line + "\n" for line in whole) + rest


@pytest.mark.parametrize("empty_lines", ["keep", "drop"])
@pytest.mark.parametrize("strip", [True, False])
@settings(deadline=None, max_examples=300)
@given(text=texts, cuts=st.lists(st.integers(0, 60), max_size=10))
def test_line_reader_gives_the_same_text_for_any_slices(
    strip: bool, empty_lines: EmptyLines, text: str, cuts: list[int]
) -> None:
    data = text.encode()
    whole = clean(text, strip, empty_lines)
    assert "".join(read(data, cuts, limit=1000, strip=strip, empty_lines=empty_lines)) == whole
    try:
        chunks = read(data, cuts, strip=strip, empty_lines=empty_lines)
    except InvalidText:
        # Only for a line that has nowhere to be cut: blanks alone, or for words a long word, fill the limit.
        assert re.search(rf"[^\n\r]{{{LIMIT // 4},}}", text)
        return
    assert "".join(chunks) == whole
    if strip:  # whole words: cutting chunks gives the tokens of the text
        assert [w for chunk in chunks for w in re.findall(rf"[^{WHITESPACE}]+", chunk)] == re.findall(
            rf"[^{WHITESPACE}]+", whole
        )


def test_line_reader_gives_whole_lines() -> None:
    assert read(b"one\ntwo\nthree", [2, 6, 9]) == ["", "one\n", "two\n", "", "three\n"]


@pytest.mark.parametrize("cut", range(1, 12))
def test_line_reader_takes_every_kind_of_newline_for_one_newline(cut: int) -> None:
    for strip in (True, False):
        assert "".join(read(b"a\r\rb\r\nc\n\rd\r\n", [cut], strip=strip)) == "a\n\nb\nc\n\nd\n"


def test_line_reader_returns_a_line_at_its_carriage_return() -> None:
    assert read(b"one\rtwo\r\nthree", [4, 8, 9]) == ["one\n", "two\n", "", "", "three\n"]


def test_line_reader_splits_a_long_line_before_white_space() -> None:
    assert read(b"one two three four\nfive", [12]) == ["one two", " three four\n", "five\n"]
    assert read("中中中中\u3000中中".encode(), [16], limit=12) == ["中中中中", "", "\u3000中中\n"]
    assert read("中中中中".encode(), [4, 11], limit=4, strip=False) == ["中", "中中", "", "中"]
    assert read(b"abcdefgh\r\n", [9], strip=False) == ["abcdefgh\n", "", ""]


def test_line_reader_refuses_a_long_line_without_white_space() -> None:
    with pytest.raises(InvalidText, match="none ends within 8 bytes after 4"):
        read(b"one\nseveral-words", [4, 16])
    with pytest.raises(InvalidText, match="none ends within 8 bytes after 0"):
        read(b"          x", [10], strip=False)


def test_line_reader_takes_linear_time_for_a_long_line() -> None:
    reader = LineReader(limit=1 << 24)
    for _ in range(1 << 18):  # quadratic, this would take minutes
        assert reader.feed(b"word word ") == ""
    assert len(reader.finish()) == 10 << 18


def test_line_reader_keeps_or_drops_empty_lines() -> None:
    assert read(b"a\n\n \nb \n\n") == ["a\n\n\nb\n\n", ""]
    assert read(b"a\n\n \nb \n\n", empty_lines="drop") == ["a\nb\n", ""]
    assert read(b"a\n\n \nb \n", empty_lines="drop", strip=False) == ["a\nb \n", ""]


def test_line_reader_drops_a_byte_order_mark_at_the_very_start_only() -> None:
    assert "".join(read("\ufeffa\ufeff\n\ufeffb".encode(), [1, 2, 4])) == "a\ufeff\n\ufeffb\n"
    assert read(b"\xef\xbb\xbf", [1, 2]) == ["", "", "", ""]


@pytest.mark.parametrize("cut", range(13))
@pytest.mark.parametrize("bad", [b"\xff", b"\xe4\xb8", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80"])
def test_line_reader_names_the_first_bad_byte_for_any_slices(bad: bytes, cut: int) -> None:
    for data, offset in ((b"\xef\xbb\xbfa\n\xc3\xa9 " + bad + b"\nb", 8), (b"a\n\xc3\xa9 b" + bad, 6)):
        for strip in (True, False):
            with pytest.raises(
                InvalidText, match=rf"text: must be UTF-8, and byte {offset} \(from 0\) is not$"
            ) as caught:
                read(data, [cut], strip=strip)
            assert caught.value.field == "text"


def test_line_reader_names_a_bad_byte_inside_a_long_line() -> None:
    with pytest.raises(InvalidText, match="byte 10 "):
        read(b"0123456789\xff 123456", [17], field="body")


def test_line_reader_recognises_utf_16() -> None:
    with pytest.raises(InvalidText, match="looks like UTF-16"):
        read("héllo\n".encode("utf-16"))


def test_line_reader_names_a_bad_setting() -> None:
    with pytest.raises(InvalidInput, match="empty_lines"):
        LineReader(empty_lines="some")  # type: ignore[arg-type]
