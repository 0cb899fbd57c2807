"""Parts of a text of one line: where it is cut, and the lines that come of it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from models.data.single_line import BLANKS, as_whole_line, find_border

lines = st.text(st.sampled_from(["a", "\u4e2d", " ", "\t", "\u3000"]), max_size=40)
cuts = st.lists(st.integers(0, 40), max_size=5)


def pieces_of(text: str, places: list[int]) -> list[tuple[int, str]]:
    """The text in pieces, each with its place."""
    borders = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    return [(i, text[i:j]) for i, j in pairwise(borders)]


@given(lines, cuts, st.integers(0, 45))
def test_find_border_takes_the_next_blank_or_the_last_one_before(text: str, places: list[int], target: int) -> None:
    text = text.rstrip(BLANKS)
    begin = len(text) - len(text.lstrip(BLANKS))
    blanks = [i for i in range(begin, len(text)) if text[i] in BLANKS]
    after = [i for i in blanks if i >= target]
    expected = after[0] if after else blanks[-1] if blanks else None
    assert find_border(pieces_of(text, places), target) == expected


@given(lines, cuts)
def test_as_whole_line_drops_leading_blanks_and_completes_the_line(text: str, places: list[int]) -> None:
    wanted = text.lstrip(BLANKS)
    for end in ("", "\n"):
        line = "".join(as_whole_line(pieces_of(text + end, places), "\n"))
        assert line == (wanted + "\n" if wanted else end)
