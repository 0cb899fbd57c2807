"""Raw text: newlines of one kind, no byte order mark, and the way back to the text as it was sent."""

from hypothesis import given
from hypothesis import strategies as st

from models.tokenization.raw_text import WHITESPACE, clean, source_offsets

texts = st.lists(st.sampled_from(["a", "bc", " ", "\n", "\r", "\r\n", "\ufeff", "\u4e2d", "\U0001f600"])).map("".join)


def test_clean_drops_one_mark_at_the_start_alone() -> None:
    assert clean("\ufeffa\ufeff") == "a\ufeff"
    assert clean("\ufeff") == ""


def test_clean_makes_every_newline_the_same() -> None:
    assert clean("a\r\nb\rc\n\rd\r\r\n") == "a\nb\nc\n\nd\n\n"
    assert clean("a\u2028b\x85c\x0bd") == "a\u2028b\x85c\x0bd"  # blanks, no newlines


def test_whitespace_is_what_has_the_property_white_space() -> None:
    """Python's `str.isspace` has U+001C to U+001F as well."""
    assert {chr(code) for code in range(0x11_0000) if chr(code).isspace()} - set("\x1c\x1d\x1e\x1f") == set(WHITESPACE)


@given(texts)
def test_source_offsets_tell_where_each_character_stood(text: str) -> None:
    cleaned, sources = clean(text), source_offsets(text)
    if sources is None:
        assert len(cleaned) == len(text)
        return
    assert len(sources) == len(cleaned) + 1
    assert sources[-1] == len(text)
    for i, character in enumerate(cleaned):
        source = text[sources[i] : sources[i + 1]]
        assert source in (("\r", "\r\n", "\n") if character == "\n" else (character,))
