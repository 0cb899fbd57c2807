"""Token ids of what decoders count in: words of a lexicon, letters or pieces of an acoustic model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from models.errors import InvalidInput
from models.special_tokens import UNK, UNK_TOKEN
from models.tokenization.tokenizer import Tokenizer

_ANCHOR = "a"
"""Word before the one that is spelled, so that it is spelled as after a blank."""


class Spelling(NamedTuple):
    """Token ids of a word.

    first: those at the beginning of a text.
    later: those after another word; most sub-word tokens begin with the blank before it.
    is_unknown: whether the vocabulary lacks the word, or a part of it.
    """

    first: tuple[int, ...]
    later: tuple[int, ...]
    is_unknown: bool = False


class WordSpeller:
    """Spelling of words in the tokens of a model.

    >>> from models.tokenization.config import TokenizerConfig
    >>> speller = WordSpeller(Tokenizer(TokenizerConfig(kind="character"), ["<unk>", "</s>", " ", "a", "c", "t"]))
    >>> speller.spell("cat")
    Spelling(first=(4, 3, 5), later=(2, 4, 3, 5), is_unknown=False)
    """

    def __init__(self, tokenizer: Tokenizer, *, unknown_word: str = UNK_TOKEN) -> None:
        """Spell words in the tokens of `tokenizer`; `unknown_word` is the decoder's name of the unknown token."""
        self._tokenizer = tokenizer
        self._unknown_word = unknown_word
        self._anchor = _ids(tokenizer, _ANCHOR)

    def spell(self, word: str) -> Spelling:
        """Return the token ids of `word`; an empty word has none."""
        if word == self._unknown_word:
            return Spelling((UNK,), (UNK,), is_unknown=True)
        if not word:
            return Spelling((), ())
        after = _ids(self._tokenizer, f"{_ANCHOR} {word}")
        is_cut = after[: len(self._anchor)] == self._anchor
        later = after[len(self._anchor) :] if is_cut else _ids(self._tokenizer, f" {word}")
        encoding = self._tokenizer.encode(word)
        return Spelling(tuple(encoding.ids.tolist()), later, bool(encoding.oov.any()))


def spell_words(tokenizer: Tokenizer, words: Iterable[str], *, unknown_word: str = UNK_TOKEN) -> list[Spelling]:
    """Return the spelling of each of `words`."""
    return list(map(WordSpeller(tokenizer, unknown_word=unknown_word).spell, words))


def spell_tokens(
    tokenizer: Tokenizer, tokens: Sequence[str], *, blank: str = "-", silence: str = "|"
) -> list[Spelling]:
    """Return the spelling of each of an acoustic model's `tokens`: letters, or pieces it shares with ours.

    `blank` stands for nothing, and `silence` for a blank between words. Raises InvalidInput for a tokenizer of words,
    to which letters are no tokens.
    """
    config = tokenizer.config
    if config.kind == "word":
        raise InvalidInput("tokens", "need a model of characters or sub-word tokens: one of words needs a lexicon")

    def spell(token: str) -> Spelling:
        if token == blank:
            return Spelling((), ())
        text = " " if token == silence else token
        own = tokenizer.token_to_id(text) if config.is_sub_word else None
        if own is not None:
            return Spelling((own,), (own,))
        encoding = tokenizer.encode(text)
        ids = tuple(encoding.ids.tolist())
        return Spelling(ids, ids, bool(encoding.oov.any()))

    return list(map(spell, tokens))


def _ids(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(text).ids.tolist())
