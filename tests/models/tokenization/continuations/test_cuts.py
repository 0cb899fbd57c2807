"""Places where the last token of a typed text may begin."""

from __future__ import annotations

from models.tokenization.continuations.cuts import Cut, byte_cuts, word_cuts


def test_word_cuts_of_letters_are_one() -> None:
    assert list(word_cuts("know", pretokenized=False)) == [Cut(b"", (b"know",), certain=True)]


def test_word_cuts_stand_beside_punctuation_and_before_an_unfinished_not() -> None:
    assert [cut.head for cut in word_cuts("well-k", pretokenized=False)] == [b"", b"well", b"well-"]
    assert [cut.head for cut in word_cuts("don't", pretokenized=False)] == [b"", b"do", b"don", b"don'", b"don'"]
    *_, last = word_cuts("in", pretokenized=False)
    assert last == Cut(b"i", (b"n'", "n\u2019".encode()))


def test_word_cuts_of_pretokenized_text_stand_behind_blanks_alone() -> None:
    assert list(word_cuts("the don'", pretokenized=True)) == [Cut(b"the ", (b"don'",), certain=True)]


def test_word_cuts_after_a_blank_let_any_word_begin() -> None:
    assert list(word_cuts("the ", pretokenized=False)) == [Cut(b"the ", (b"",), certain=True)]


def test_byte_cuts_stand_no_further_back_than_the_longest_token() -> None:
    cuts = list(byte_cuts(b"abcd", 2, certain=True, hides_blanks=False))
    assert cuts == [Cut(b"ab", (b"cd",)), Cut(b"abc", (b"d",))]
    assert next(byte_cuts(b"ab", 2, certain=True, hides_blanks=False)).certain


def test_byte_cuts_of_files_look_for_tokens_with_a_hidden_blank() -> None:
    cuts = list(byte_cuts(b"a b", 9, certain=False, hides_blanks=True))
    assert [(cut.head, cut.beginnings[0]) for cut in cuts if cut.hidden] == [(b"", b" a b"), (b"a", b"  b")]
