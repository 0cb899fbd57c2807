"""Check of tokens by the tokenizer: behind a long head they are checked as behind its last word."""

from __future__ import annotations

import pytest

from models.tokenization.config import TokenizerConfig
from models.tokenization.continuations.encoding_checker import EncodingChecker
from models.tokenization.encoding import MISSING
from models.tokenization.token_models import build_token_model
from models.tokenization.tokenizer import Tokenizer

PARTS = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=275), ["the queen, the quiet quilt\n" * 9])
MODEL = build_token_model(PARTS.config, PARTS.vocabulary, PARTS.merges)
TOKENS = list(range(2, PARTS.vocabulary_size))
SPELLINGS = [MODEL.token_bytes(i) for i in TOKENS]


@pytest.mark.parametrize("head", ["the q", " the", "the quiet ", "the  q", " ", "x  "])
def test_encoding_checker_finds_the_same_behind_the_last_word_alone(head: str) -> None:
    local, whole = (EncodingChecker(MODEL, parts_words=parts_words) for parts_words in (True, False))
    found = local.find_heads(b"", head.encode(), SPELLINGS, TOKENS)
    assert found == whole.find_heads(b"", head.encode(), SPELLINGS, TOKENS)
    for ids, ends in found.items():
        for token in ends:
            assert MODEL.encode_bytes(head.encode() + MODEL.token_bytes(token)) == [*ids, token]


def test_encoding_checker_leaves_out_the_anchor() -> None:
    checker = EncodingChecker(MODEL, parts_words=True)
    assert list(checker.encode_after(b" the", b" quiet")) == MODEL.encode(" quiet").tolist()
    assert checker.find_heads(b" the", b" q", [b"u"], MODEL.encode("u").tolist()) == {}  # " qu" is one token


def test_encoding_checker_gives_unknown_words_the_id_of_unk() -> None:
    words = build_token_model(TokenizerConfig(), ["<unk>", "</s>", "-", "known"], ())
    assert words.encode_bytes(b"zebra-") == [MISSING, 2]
    checker = EncodingChecker(words, parts_words=False)
    assert checker.find_heads(b"", b"zebra-", [b"known", b"-"], [3, 2]) == {(0, 2): [3]}


def test_encoding_checker_checks_texts_one_by_one_where_lines_do_not_part_them() -> None:
    characters = build_token_model(TokenizerConfig(kind="character"), ["<unk>", "</s>", "a", "\n"], ())
    checker = EncodingChecker(characters, parts_words=False)
    assert checker.find_heads(b"", b"a", [b"a", b"\n"], [2, 3]) == {(2,): [2, 3]}
