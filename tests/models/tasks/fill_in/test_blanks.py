"""Blanks are found without touching how the text around them is split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput, InvalidText
from models.tasks.fill_in.blanks import BlankedText, Candidates
from models.tasks.fill_in.query import FillQuery
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

TEXT = "I bought a teddy bear. He's the king's, don't you (really) know?\n"
WORDS = Tokenizer.train(TokenizerConfig(), [TEXT])
LETTERS = Tokenizer.train(TokenizerConfig(kind="character"), [TEXT])
PARTS = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=280), [TEXT * 5])
SURROUNDINGS = [("I bought a ", " bear."), ("", " bear"), ("the (", ")"), ("", "'s king"), ("do you ", "?"), ("a ", "")]


@pytest.mark.parametrize(("before", "after"), SURROUNDINGS)
def test_blanked_text_splits_its_surroundings_as_beside_a_word(before: str, after: str) -> None:
    text = BlankedText.of(WORDS, f"{before}___{after}")
    whole = WORDS.encode(f"{before}teddy{after}\n").ids
    assert text.filled([np.array([WORDS.token_to_id("teddy")])]).tolist() == whole.tolist()
    assert text.spans == ((len(before), len(before) + 3),)


@given(st.lists(st.sampled_from(["bear", "a", ".", "(", "'s", "don't", "\n"]), max_size=6), st.integers(3, 6))
def test_blanked_text_is_the_text_with_a_word_in_it(words: list[str], underscores: int) -> None:
    before = " ".join(words)
    text = BlankedText.of(WORDS, f"{before} {'_' * underscores} {before}")
    assert text.spans == ((len(before) + 1, len(before) + 1 + underscores),)
    filled = text.filled([np.array([WORDS.token_to_id("king")])])
    assert filled.tolist() == WORDS.encode(f"{before} king {before}\n").ids.tolist()


def test_blanked_text_keeps_several_blanks_in_order() -> None:
    text = BlankedText.of(WORDS, "___ bought ____ bear, ___.")
    assert [len(segment) for segment in text.segments] == [0, 1, 2, 2]
    assert text.spans == ((0, 3), (11, 15), (22, 25))


@pytest.mark.parametrize("text", ["no blank", "two __", "x___y is a word", "___ " * 9, "", "___ing"])
def test_blanked_text_refuses_a_text_without_blanks_or_with_too_many(text: str) -> None:
    with pytest.raises(InvalidText, match="blanks"):
        BlankedText.of(WORDS, text)


def test_blanked_text_of_letters_has_one_wherever_it_stands() -> None:
    text = BlankedText.of(LETTERS, "te___dy")
    assert text.filled([np.array([LETTERS.token_to_id("d")])])[:-1].tolist() == LETTERS.encode("teddy").ids.tolist()


def test_blanked_text_of_parts_leaves_the_space_to_the_filling() -> None:
    text = BlankedText.of(PARTS, "I bought a ___ bear.")
    teddy = Candidates.of(PARTS, ("teddy",), spaced=text.spaced[0])
    assert text.spaced == (True,)
    assert text.filled([teddy.ids(0)])[:-1].tolist() == PARTS.encode("I bought a teddy bear.").ids.tolist()


def test_candidates_of_several_tokens_and_out_of_vocabulary_are_told() -> None:
    candidates = Candidates.of(WORDS, ("teddy", "the king's bear", "zebra"), spaced=False)
    assert candidates.lengths.tolist() == [1, 4, 1]
    assert [candidates.is_oov(i) for i in range(3)] == [False, False, True]
    assert candidates.ids(2).tolist() == [0]
    assert candidates.word(1) == "the king's bear"


@pytest.mark.parametrize("word", ["", " ", "a\nb"])
def test_candidates_refuse_what_is_no_word(word: str) -> None:
    with pytest.raises(InvalidInput, match="candidates"):
        Candidates.of(WORDS, (word,), spaced=False)


def test_fill_query_bounds_the_length_of_a_candidate() -> None:
    assert FillQuery(candidates=("a" * 100,)).candidates == ("a" * 100,)
    with pytest.raises(InvalidInput, match="candidates: at most 100 characters each, not 101"):
        FillQuery(candidates=("a", "b" * 101))


@pytest.mark.parametrize("tokenizer", [WORDS, LETTERS, PARTS])
def test_candidates_are_the_vocabulary_but_the_special_tokens(tokenizer: Tokenizer) -> None:
    candidates = Candidates.of(tokenizer, (), spaced=False)
    assert candidates.tokens[:, 0].tolist() == list(range(2, tokenizer.vocabulary_size))
    assert not candidates.is_oov(0)
    assert candidates.word(0) == tokenizer.decode([2]).strip(" ") or tokenizer.config.kind == "character"
