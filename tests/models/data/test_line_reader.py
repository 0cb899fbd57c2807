"""Line reader: bytes to clean lines, held against cleaning the whole text at once."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.line_reader import EmptyLines, LineReader
from models.data.paragraph_reader import open_reader
from models.errors import InvalidInput, InvalidText
from models.tokenization.config import TokenizerConfig
from models.tokenization.raw_text import WHITESPACE
from models.tokenization.raw_text import clean as clean_text
from models.tokenization.tokenizer import Tokenizer

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


@pytest.mark.parametrize("cut", range(1, 9))
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_line_reader_decodes_what_a_byte_order_mark_tells(encoding: str, cut: int) -> None:
    data = "\ufeffh\u00e9llo \u4e2d\U0001f600\r\nyou\n".encode(encoding)
    assert "".join(read(data, [cut, cut + 7], limit=100)) == "h\u00e9llo \u4e2d\U0001f600\nyou\n"


@pytest.mark.parametrize("cut", range(1, 9))
@pytest.mark.parametrize(
    "text", ["the cat sat on the mat\n", "\u043f\u0440\u0438\u0432\u0435\u0442 \u0432\u0441\u0435\u043c\n"]
)
def test_line_reader_names_utf_16_without_a_mark(text: str, cut: int) -> None:
    """All of it is valid UTF-8: every second byte is 0, or 4, the upper half of a Cyrillic letter."""
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(InvalidText, match=rf"looks like UTF-16 without .*--encoding {encoding}\)$"):
            read(text.encode(encoding), [cut], limit=100)
        assert "".join(read(text.encode(encoding), [cut], limit=100, encoding=encoding)) == text


def test_line_reader_reads_the_encoding_that_it_is_told() -> None:
    assert read("le caf\u00e9 \u201cest\u201d".encode("cp1252"), [7], limit=99, encoding="cp1252") == [
        "",
        "",
        "le caf\u00e9 \u201cest\u201d\n",
    ]
    assert "".join(read("\u72ac\u306f\n".encode("shift_jis"), [1, 3], encoding="shift_jis")) == "\u72ac\u306f\n"


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"le caf\xe9 est ferm\xe9\n", "Latin-1: .*--encoding latin-1"),
        ("don\u2019t\n".encode("cp1252"), "Windows-1252: .*--encoding cp1252"),
        (b"\x1f\x8b\x08\x00\xb1\x81", "gzip data"),
        (b"BZh91AY&SY\xf8\xff\n", "bzip2 data"),
        (b"\xfd7zXZ\x00\x00\x04", "xz data"),
        (b"\x28\xb5\x2f\xfd\x24\x0a", "zstd data"),
        (b"PK\x03\x04\x14\xff", "a zip archive"),
        (b"7\xc9\x03\x91 k\x00\xee", "no text at all"),
    ],
)
def test_line_reader_hints_at_what_other_bytes_are(data: bytes, hint: str) -> None:
    with pytest.raises(InvalidText, match=rf"is not; it looks like {hint}"):
        read(data, [3])


def test_line_reader_names_a_byte_that_is_not_in_the_encoding() -> None:
    with pytest.raises(InvalidText, match=r"text: must be utf-16-le, and byte 4 \(from 0\) is not"):
        read(b"a\0b\0\x00\xd8c\0", [3], encoding="utf-16-le")
    with pytest.raises(InvalidInput, match=r"encoding: must be an encoding of text.* not 'rot13'"):
        LineReader(encoding="rot13")


def test_line_reader_strips_the_blanks_that_it_is_told() -> None:
    text = "\u00a0a\u00a0 \n\u00a0\n".encode()
    assert "".join(read(text, blanks="\t ")) == "\u00a0a\u00a0\n\u00a0\n"
    assert "".join(read(text, blanks="\t ", empty_lines="drop")) == "\u00a0a\u00a0\n\u00a0\n"
    assert "".join(read(text, empty_lines="drop")) == "a\n"


def test_line_reader_names_a_bad_setting() -> None:
    with pytest.raises(InvalidInput, match="empty_lines"):
        LineReader(empty_lines="some")  # type: ignore[arg-type]


RULES = [TokenizerConfig(), TokenizerConfig(pretokenized=True), TokenizerConfig(kind="character")]


@pytest.mark.parametrize("config", RULES, ids=["words", "pretokenized", "characters"])
@given(
    text=st.lists(st.sampled_from(["a", "b ", " ", "\n", "\r", "\r\n", "\ufeff", "\x1c", "\u00a0", "\u4e2d"])).map(
        "".join
    ),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_line_reader_gives_the_tokens_of_the_clean_text(config: TokenizerConfig, text: str, cuts: list[int]) -> None:
    """A file and a request with the same text have the same tokens, but for the end of a last line."""
    tokenizer = Tokenizer(config, ["<unk>", "</s>", "a", "b"])
    reader, data = open_reader(config), text.encode()
    borders = [0, *sorted(cuts), len(data)]
    read = "".join([*(reader.feed(data[i:j]) for i, j in pairwise(borders)), reader.finish()])
    tokens = tokenizer.surface_forms(clean_text(text))
    expected = [tokens, [*tokens, "</s>"]] if config.has_lines else [tokens]
    assert tokenizer.surface_forms(read) in expected
