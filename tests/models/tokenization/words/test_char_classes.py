"""Classes of characters: those of the patterns, known when a text needs them."""

import pytest
from tokenizers import Regex, pre_tokenizers

from models.tokenization.definition import word_patterns
from models.tokenization.words.char_classes import (
    EXTENDING,
    FLAG_LETTER,
    FORMAT,
    PICTURE,
    PREPENDED,
    SPACE,
    WORD,
    char_classes,
    classify,
    has_unknown,
    padded_bytes,
)

BLOCKS = [0, 0x300, 0x600, 0x900, 0x0E00, 0x2000, 0x2600, 0x3000, 0x4E00, 0xFE00, 0xFF00, 0x1F100, 0x1F300, 0xE0000]


@pytest.mark.parametrize("block", BLOCKS, ids=hex)
def test_classify_asks_the_patterns(block: int) -> None:
    classes = char_classes(3, pretokenized=False, control_tokens=False)
    characters = [chr(code) for code in range(block, block + 0x100)]
    classify(classes, "".join(characters))
    for kind, pattern in {
        WORD: word_patterns.LETTER,
        SPACE: word_patterns.SPACE,
        EXTENDING: word_patterns.EXTENDING,
        FORMAT: word_patterns.FORMAT,
        FLAG_LETTER: word_patterns.FLAG_LETTER,
        PICTURE: word_patterns.PICTURE,
        PREPENDED: word_patterns.PREPENDED,
    }.items():
        splitter = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
        matching = {character for character, _ in splitter.pre_tokenize_str("\u0001".join(characters))}
        assert {c for c in characters if classes.table[ord(c)] & kind} == matching - {"\u0001"}


@pytest.mark.parametrize("text", ["", "a", "abcdefgh", "a\u00e9", "abcdefg\u00e9", "\u4e2d" * 9])
def test_has_unknown_finds_characters_at_any_of_the_bytes_read_at_once(text: str) -> None:
    table = char_classes(2, pretokenized=False, control_tokens=False).table.copy()
    table[0x80:] = WORD
    table[0x10FFFF] = 0
    for padding in range(9):
        prefix = "." * padding
        assert not has_unknown(padded_bytes((prefix + text).encode()), table)
        assert has_unknown(padded_bytes((prefix + text + "\U0010ffff.").encode()), table)


def test_char_classes_of_pretokenized_text_know_blanks_alone() -> None:
    first, later = (char_classes(rules, pretokenized=True, control_tokens=False).table for rules in (1, 2))
    assert [chr(code) for code in (later == SPACE).nonzero()[0]] == list("\t\n\r ")
    assert (first == SPACE).sum() == 25
    assert set(first.tolist()) == set(later.tolist()) == {WORD, SPACE}
