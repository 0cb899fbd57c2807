"""Logit bias by token id and by text, with tokenizers of every kind."""

import pytest

from models.errors import InvalidInput
from models.inference.logit_bias import parse_logit_bias
from models.special_tokens import EOS
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

TEXT = "the cat sat on the mat in 1984 .\n" * 3
WORDS = Tokenizer.train(TokenizerConfig(), [TEXT])


def test_parse_logit_bias_finds_ids_and_texts() -> None:
    cat = WORDS.token_to_id("cat")
    assert parse_logit_bias(WORDS, {"cat": 1, "1": -2.5, "\n": 3}) == ((cat, 1.0), (EOS, -2.5), (EOS, 3.0))
    assert parse_logit_bias(WORDS, {"</s>": 1}) == ((EOS, 1.0),)
    letters = Tokenizer.train(TokenizerConfig(kind="character"), [TEXT])
    assert parse_logit_bias(letters, {" ": 1}) == ((letters.token_to_id(" "), 1.0),)
    folding = Tokenizer.train(TokenizerConfig(lowercase=True), [TEXT])
    assert parse_logit_bias(folding, {"The": 1}) == ((folding.token_to_id("the"), 1.0),)


@pytest.mark.parametrize("text", ["the", " the", " cat", "</s>", "\n"])
def test_parse_logit_bias_finds_parts_of_words_as_answers_show_them(text: str) -> None:
    pieces = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=300), [TEXT])
    ((token, _),) = parse_logit_bias(pieces, {text: 1})
    assert pieces.token_text(token) == text or token == EOS


def test_parse_logit_bias_names_no_token_by_half_a_character() -> None:
    pieces = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=300), [TEXT])
    half = pieces.encode("é").ids.tolist()
    assert len(half) == 2
    with pytest.raises(InvalidInput, match="is 3 tokens"):
        parse_logit_bias(pieces, {pieces.token_text(half[0]): 1})
    assert parse_logit_bias(pieces, {str(half[0]): 1}) == ((half[0], 1.0),)


def test_parse_logit_bias_reads_digits_as_ids() -> None:
    # 1984 is a word of this vocabulary, and no id; its id is the way to it.
    year = WORDS.token_to_id("1984")
    with pytest.raises(InvalidInput, match="no token has this id"):
        parse_logit_bias(WORDS, {"1984": 1})
    assert parse_logit_bias(WORDS, {str(year): 1}) == ((year, 1.0),)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("dog", "not in the vocabulary"),
        ("the cat", "is 2 tokens"),
        ("", "is 0 tokens"),
        ("99", "no token has this id"),
        ("9" * 400, "no token has this id"),
        ("-1", "text of one token"),
    ],
)
def test_parse_logit_bias_names_what_is_no_token(key: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        parse_logit_bias(WORDS, {key: 1})
    assert caught.value.field == f"logit_bias.{key}"
