"""Names of tokens: readable text for every kind of tokens, and bytes where a token is no whole character."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.tokenization.config import TokenizerConfig
from models.tokenization.token_names import TokenNames
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import train

PARTS = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=280), ["the café, the thé, the end\n"])


def test_token_names_of_words_are_the_words() -> None:
    names = train("The café").names
    assert list(names.texts) == ["<unk>", "</s>", "The", "café"]
    assert (names.incomplete, names.public_ids, names.boundary) == ({}, None, "</s>")


def test_token_names_of_sub_words_are_text_and_not_the_byte_alphabet() -> None:
    texts = PARTS.names.texts
    assert list(texts[:2]) == ["<unk>", "</s>"]
    assert " the" in texts
    assert not any("\u0120" in text for text in texts)


def test_token_names_tell_the_bytes_of_half_a_character() -> None:
    lead = PARTS.encode("\u0416").ids.tolist()[0]  # D0 96
    assert PARTS.token_text(lead) == "\ufffd"
    assert PARTS.names.incomplete[lead] == PARTS.token_bytes(lead) == b"\xd0"
    assert set(PARTS.names.incomplete.values()) >= {bytes([byte]) for byte in range(0x80, 0x100)}


def test_token_names_hold_a_replacement_character_that_was_typed() -> None:
    names = TokenNames.of_bytes([b"<unk>", b"</s>", "\ufffd".encode()])
    assert (names.texts[2], names.incomplete) == ("\ufffd", {})


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r<"), max_size=20))
def test_token_bytes_of_sub_words_join_to_the_text(text: str) -> None:
    assert b"".join(map(PARTS.token_bytes, PARTS.encode(text).ids.tolist())) == text.encode()


def test_token_names_of_a_text_are_its_surface_forms_only_for_words() -> None:
    assert TokenNames(["<unk>", "</s>", "the"]).of_text([2, 0], [False, True], ["the", "dog"]) == ["the", "dog"]
    parts = TokenNames.of_bytes([b"<unk>", b"</s>", b" the"], [5, 6, 7])
    assert parts.of_text([2, 0], [False, True], ["\u2581the", "\u2603"]) == [" the", "\u2603"]
    assert parts.public_id(2) == 7
