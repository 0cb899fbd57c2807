"""Edit distances against the table of the textbook."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.rescoring.edit_distance import edit_distances

WORDS = st.lists(st.sampled_from("abc"), max_size=6)


def textbook(reference: tuple[str, ...], hypothesis: tuple[str, ...]) -> int:
    @cache
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        replaced = distance(i - 1, j - 1) + (reference[i - 1] != hypothesis[j - 1])
        return min(replaced, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(reference), len(hypothesis))


@given(WORDS, st.lists(WORDS, min_size=1, max_size=5))
def test_edit_distances_are_those_of_the_textbook(reference: list[str], hypotheses: list[list[str]]) -> None:
    expected = [textbook(tuple(reference), tuple(words)) for words in hypotheses]
    assert edit_distances(reference, hypotheses).tolist() == expected
