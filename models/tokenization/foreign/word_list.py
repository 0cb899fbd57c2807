"""Lists of words, one a line, as vocabularies of word tokenizers: `parse_word_list`."""

from __future__ import annotations

import re

from models.errors import InvalidInput
from models.tokenization.raw_text import clean

_COUNT = re.compile(r"\d+")
_SCORE = re.compile(r"-\d+(\.\d+)?(e-?\d+)?|-?\d+\.\d+")


def parse_word_list(content: bytes) -> list[str]:
    r"""Return the words of a list in UTF-8; a tab and a count may follow each.

    Raises InvalidInput, naming the line, for what is no word, and for vocabularies of other libraries.

    >>> parse_word_list("the\t52\ncat\t3\n".encode())
    ['the', 'cat']
    """
    try:
        lines = clean(content.decode()).split("\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput("tokenizer", f"must be a word list in UTF-8, and line {line} is not") from None
    words = [_word(line, number) for number, line in enumerate(lines, 1) if line.strip(" \t")]
    if not words:
        raise InvalidInput("tokenizer", "must hold words, one a line; the file holds none")
    if "[UNK]" in words and any(word.startswith("##") for word in words):
        raise InvalidInput("tokenizer", "is the vocab.txt of a WordPiece tokenizer: give the tokenizer.json beside it")
    return list(dict.fromkeys(words))


def _word(line: str, number: int) -> str:
    word, _, rest = line.strip(" ").partition("\t")
    if rest and _SCORE.fullmatch(rest.strip()):
        raise InvalidInput("tokenizer", "is the .vocab of a SentencePiece model: give the .model beside it")
    if rest and not _COUNT.fullmatch(rest.strip()):
        raise InvalidInput(
            "tokenizer", f"must hold a word a line, and perhaps a tab and a count; line {number} does not"
        )
    if not word or " " in word:
        raise InvalidInput("tokenizer", f"must hold one word a line, and line {number} holds a blank")
    return word
