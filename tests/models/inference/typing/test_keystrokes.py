"""The automaton reads all tokens at once as it weighs one, letters of several bytes among them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.inference.typing.keystrokes import DEAD, DONE, KeystrokeAutomaton, in_both_cases
from models.tokenization.continuations.spelling_table import SpellingTable

LETTERS = "aeé語b"
WORDS = st.text(LETTERS, min_size=1, max_size=4)
KEYSTROKES = st.lists(st.dictionaries(st.sampled_from(LETTERS), st.floats(0.01, 1), min_size=1), max_size=4)


@given(st.lists(WORDS, min_size=1, max_size=8), KEYSTROKES, st.booleans(), st.booleans())
def test_keystroke_automaton_weighs_words_letter_by_letter(
    words: list[str], keystrokes: list[dict[str, float]], has_blanks: bool, blank: bool
) -> None:
    blank = blank and has_blanks
    automaton = KeystrokeAutomaton(keystrokes, has_blanks=has_blanks, begins_with_blank=blank)
    spellings = [" " * blank + word for word in words]
    table = SpellingTable([b"<unk>", b"</s>", *(spelling.encode() for spelling in spellings)])
    matches = automaton.read(table, automaton.start)
    found = {int(token): (int(p), float(w)) for token, p, w in zip(*matches, strict=True)}
    assert DEAD not in {position for position, _ in found.values()}
    for token, (word, spelling) in enumerate(zip(words, spellings, strict=True), 2):
        likelihood = math.prod(keys.get(letter, 0.0) for keys, letter in zip(keystrokes, word, strict=False))
        weight = math.log(likelihood) if likelihood and len(word) >= len(keystrokes) else None
        assert automaton.weigh(spelling.encode()) == (None if weight is None else pytest.approx(weight))
        assert (token in found) == (likelihood > 0)
        if weight is not None:
            assert found[token] == (DONE, pytest.approx(weight))


def test_keystroke_automaton_begins_a_word_with_one_blank_and_ends_it_at_the_next() -> None:
    automaton = KeystrokeAutomaton([], has_blanks=True, begins_with_blank=True)
    texts = [b" a", b"a", b" ", b"  a", b" a b", b" a\n"]
    assert [automaton.weigh(text) is not None for text in texts] == [True, False, False, False, False, False]


def test_in_both_cases_keeps_letters_whose_other_case_is_two_letters() -> None:
    assert in_both_cases({"ß": 0.5, "a": 0.5}) == {"ß": 0.5, "a": 0.5, "A": 0.5}
    assert in_both_cases({"...": 0.5}) == {"...": 0.5}
