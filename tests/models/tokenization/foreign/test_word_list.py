"""Lists of words: what is a word, what is none, and what belongs to another library."""

import pytest

from models.errors import InvalidInput
from models.tokenization.foreign.word_list import parse_word_list


def test_parse_word_list_reads_words_with_and_without_counts() -> None:
    assert parse_word_list("\ufeffthe\t52\r\ncat 3\n".replace(" ", "\t").encode()) == ["the", "cat"]
    assert parse_word_list(b"b\na\n\nb\n") == ["b", "a"]  # a word that comes twice is one; blank lines are none
    assert parse_word_list("caf\u00e9\nna\u00a0me".encode()) == ["caf\u00e9", "na\u00a0me"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold words"),
        (b"a\nb c\n", "line 2 holds a blank"),
        (b"a\tmany\n", "a tab and a count; line 1 does not"),
        (b"a\n\xff\n", "line 2 is not"),
        ("\u2581the\t-3.21\n".encode(), "is the .vocab of a SentencePiece model: give the .model"),
        (b"[PAD]\n[UNK]\nthe\n##ing\n", "is the vocab.txt of a WordPiece tokenizer: give the tokenizer.json"),
    ],
)
def test_parse_word_list_names_the_fault(content: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_word_list(content)
