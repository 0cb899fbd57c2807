"""Texts, alphabets, padding and chunks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.special_tokens import EOS
from models.tasks.text import MAX_WORD_CHARACTERS, Alphabet, TaskText, encode_raw_text, pad, spell, token_chunks
from models.tokenization.config import TokenizerConfig
from models.tokenization.raw_text import clean, unify_newlines
from models.tokenization.tokenizer import Tokenizer

TOKENIZER = Tokenizer(TokenizerConfig(lowercase=True), ["<unk>", "</s>", "the", "cat"])


def test_task_text_ends_in_the_boundary_so_that_an_empty_one_has_a_token() -> None:
    assert TaskText.of(TOKENIZER, "").ids.tolist() == [EOS]
    text = TaskText.of(TOKENIZER, "the dog")
    assert text.ids.tolist() == [2, 0, EOS]
    assert text.forms[:2] == ("the", "dog")


def test_alphabet_of_forms_lists_characters_that_occur_often_enough() -> None:
    assert Alphabet.of(["abba", "cab"], min_count=2).characters == "ab"


def test_alphabet_keeps_both_ends_of_a_long_word() -> None:
    ids = Alphabet("ab").encode("a" * 40 + "b" * 40)
    assert ids.tolist() == [1] * (MAX_WORD_CHARACTERS // 2) + [2] * (MAX_WORD_CHARACTERS // 2)


def test_alphabet_gives_a_word_without_characters_one_that_is_unlisted() -> None:
    assert Alphabet("ab").encode("").tolist() == [0]


def test_pad_fills_up_with_zeros() -> None:
    rows, lengths = pad([np.array([5, 6, 7]), np.array([8])])
    assert rows.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert lengths.tolist() == [3, 1]


def test_spell_holds_each_distinct_form_once() -> None:
    texts = [TaskText(np.array([2, 3, 2]), ("ab", "c", "ab")), TaskText(np.array([3]), ("c",))]
    spelling = spell(texts, Alphabet("abc"))
    assert spelling.rows.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert spelling.characters.tolist() == [[1, 2], [3, 0]]
    assert spelling.lengths.tolist() == [2, 1]


@given(st.lists(st.integers(1, 50)), st.integers(1, 60))
def test_token_chunks_hold_each_text_once_and_no_more_tokens_than_asked(lengths: list[int], size: int) -> None:
    chunks = token_chunks(lengths, size)
    assert sorted(np.concatenate([np.zeros(0, int), *chunks]).tolist()) == list(range(len(lengths)))
    for rows in chunks:
        assert len(rows) == 1 or len(rows) * max(lengths[row] for row in rows) <= size


raw_texts = st.lists(st.sampled_from(["a", "bc", " ", "\n", "\r", "\r\n", "\ufeff", "\u4e2d"])).map("".join)


@given(raw_texts)
def test_encode_raw_text_has_the_tokens_of_the_clean_text_at_their_places(text: str) -> None:
    for config in (TokenizerConfig(), TokenizerConfig(kind="character")):
        tokenizer = Tokenizer(config, ["<unk>", "</s>", "a", "\n"])
        tokens = encode_raw_text(tokenizer, text)
        assert tokens[:3] == tokenizer.encode_with_surfaces(clean(text))
        for form, (begin, end) in zip(tokens.surface_forms, tokens.offsets.tolist(), strict=True):
            assert unify_newlines(text[begin:end]) == ("\n" if form == "</s>" else form)
