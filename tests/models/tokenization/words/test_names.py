"""Names that hold punctuation: where the compiled loops end them, in linear time."""

import time

import pytest

from models.special_tokens import SPECIAL_TOKENS
from models.tokenization.config import TokenizerConfig
from models.tokenization.words.word_tokenizer import WordTokenizer

WORDS = WordTokenizer(TokenizerConfig(), SPECIAL_TOKENS)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("(https://a.org/b_(c)).", ["(", "https://a.org/b_(c", "))", "."]),
        ("see www.a.org/?q=1&r=, ok", ["see", "www.a.org/?q=1&r=", ",", "ok"]),
        ("mail x+y@a-b.co.uk.", ["mail", "x+y@a-b.co.uk", "."]),
        ("AT&T's", ["AT&T", "'s"]),
        ("R&D&", ["R&D", "&"]),
        ("C++, C++11; C# F#", ["C++", ",", "C++11", ";", "C#", "F#"]),
        ("@a_b: #c-d", ["@a_b", ":", "#c", "-", "d"]),
        ("https://a.org/\u0301b", ["https://a.org", "/\u0301", "b"]),  # an extended slash is no mark of a URL
    ],
)
def test_names_end_where_punctuation_begins(text: str, tokens: list[str]) -> None:
    assert WORDS.split(text) == tokens


@pytest.mark.parametrize("text", ["a-" * 100_000, "a.b" * 100_000, "a&" * 100_000, "http://a" + "/." * 100_000])
def test_names_are_looked_for_in_time_proportional_to_the_text(text: str) -> None:
    WORDS.split("a-b")
    began = time.thread_time()
    WORDS.encode(text)
    assert time.thread_time() - began < 2  # a second pass over the rest at every token would take minutes
