import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.inference.stop_strings import StopStrings


def run(pieces: list[str], *stops: str) -> tuple[list[str], str, bool]:
    """What comes out at each piece, what at the end, and whether a stop string was found."""
    reader = StopStrings(stops)
    out = [reader.push(piece) for piece in pieces]
    return out, reader.flush(), reader.matched


def test_stop_strings_let_everything_through_where_there_are_none():
    assert run(["a", "", " b"]) == (["a", "", " b"], "", False)


def test_stop_strings_hold_back_a_stop_string_that_spans_pieces():
    assert run(["so", "me E", "N", "D more", "!"], "END") == (["so", "me ", "", "", ""], "", True)


def test_stop_strings_let_through_later_what_was_none():
    assert run(["a E", "N", "d"], "END") == (["a ", "", "ENd"], "", False)
    assert run(["a E", "N"], "END") == (["a ", ""], "EN", False)


def test_stop_strings_keep_a_beginning_within_a_beginning():
    # after "aab" the last "ab" may still be the stop string's; the first "a" cannot
    assert run(["a", "a", "b", "a", "b", "c"], "ababc") == (["", "a", "", "", "", ""], "", True)
    assert run(["aa", "b"], "aab") == (["", ""], "", True)


@pytest.mark.parametrize("pieces", [["abcd"], ["ab", "cd"], ["a", "b", "c", "d"]])
def test_stop_strings_end_at_the_first_that_is_complete(pieces):
    out, rest, matched = run(pieces, "abcd", "bc")
    assert ("".join(out) + rest, matched) == ("a", True)


@pytest.mark.parametrize("stops", [("bc", "abc"), ("abc", "bc")])
def test_stop_strings_prefer_the_longer_of_two_complete_at_once(stops):
    assert run(["xabc"], *stops) == (["x"], "", True)


def naive(text: str, stops: list[str]) -> str:
    for end in range(len(text) + 1):
        complete = [stop for stop in stops if text[:end].endswith(stop)]
        if complete:
            return text[: end - max(map(len, complete))]
    return text


def test_stop_strings_find_one_of_many():
    many = [f"{number} bottles" for number in range(700)]
    reader = StopStrings(many)
    assert [reader.push(piece) for piece in ("take 69", "9 bot", "tles down")] == ["take ", "", ""]
    assert reader.matched


Texts = st.text("ab ", max_size=20)


@given(st.lists(Texts, max_size=8), st.lists(st.text("ab ", min_size=1, max_size=5), max_size=3))
def test_stop_strings_agree_with_a_naive_reading_of_the_whole(pieces, stops):
    out, rest, matched = run(pieces, *stops)
    text = "".join(pieces)
    assert "".join(out) + rest == naive(text, stops)
    assert matched == any(stop in text for stop in stops)


@given(st.lists(Texts, max_size=8), st.lists(st.text("ab ", min_size=1, max_size=5), max_size=3))
def test_stop_strings_never_take_text_back_nor_hold_it_in_vain(pieces, stops):
    reader, seen, shown = StopStrings(stops), "", ""
    for piece in pieces:
        seen += piece
        shown += reader.push(piece)
        if reader.matched:
            break
        held = seen[len(shown) :]
        assert seen.startswith(shown)
        assert held == "" or any(stop.startswith(held) for stop in stops)
