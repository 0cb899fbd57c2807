"""A user's own words: scored one by one, so that none is missed, known to the vocabulary or not."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import NamedTuple

import numpy as np

from models.inference.prefill import pad_rows
from models.inference.typing.hypotheses import Hypotheses, Tokens
from models.inference.typing.keystrokes import WORD_END, KeystrokeAutomaton
from models.inference.typing.left_context import LeftContext, WordTokens
from models.language_model import LanguageModel
from models.special_tokens import UNK
from models.state import State, select

ROWS_AT_ONCE = 64
"""Own words that are read in one batch."""


class OwnWord(NamedTuple):
    """A word of the user's with its tokens, and the nats that it gains: its bias and its keystrokes'."""

    text: str
    tokens: Tokens
    weight: float


def match_own_words(
    words: WordTokens, left: LeftContext, automaton: KeystrokeAutomaton, bias: Mapping[str, float]
) -> list[OwnWord]:
    """Return the own words that what was typed can begin."""
    matching = []
    for text, nats in bias.items():
        form = words.tokenizer.continuations.fold(text)
        blank = b" " if left.begins_with_blank else b""
        weight = automaton.weigh(blank + form.encode())
        if weight is not None:
            matching.append(OwnWord(text, words.encode(left, form), nats + weight))
    return matching


def read_own_words(
    model: LanguageModel, words: WordTokens, state: State, own_words: list[OwnWord], before: float
) -> Generator[int, None, Hypotheses]:
    """Read each own word after a one-row state; yields the number of tokens of each step.

    before: log P that a word begins, which is taken off. A word that the vocabulary lacks is charged for its spelling.
    """
    parts = []
    for begin in range(0, len(own_words), ROWS_AT_ONCE):
        some = own_words[begin : begin + ROWS_AT_ONCE]
        tokens, lengths = pad_rows([np.array(word.tokens, np.int32) for word in some])
        scores, after = model.score(select(state, [0] * len(some)), tokens, lengths)
        spellings = np.array([_spelling_logprob(words, word) for word in some])
        sizes = np.array([len(word.tokens) for word in some])
        is_word_model = words.boundary_tokens is None
        parts.append(
            Hypotheses(
                after,
                [word.tokens for word in some],
                sizes,
                scores.sum(1, dtype=np.float64) + spellings - before,
                np.array([word.weight for word in some]),
                np.full(len(some), WORD_END),
                np.full(len(some), int(is_word_model)),
                np.arange(begin, begin + len(some)),
            )
        )
        yield int(sizes.sum())
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole


def _spelling_logprob(words: WordTokens, word: OwnWord) -> float:
    """Return log P of a word's spelling in nats where the vocabulary lacks it."""
    if UNK not in word.tokens or words.boundary_tokens is not None:
        return 0.0
    encoding = words.tokenizer.encode(word.text)
    forms = words.tokenizer.unknown_forms(word.text, encoding)
    return float(words.tokenizer.speller.logprobs(forms).sum())
