"""Texts as task models read them: token ids with their word forms, padded batches, and spelling."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.model import Lengths, TokenIds
from models.sequence_encoder import Spelling
from models.special_tokens import EOS, EOS_TOKEN, UNK
from models.tokenization.raw_text import clean, source_offsets
from models.tokenization.token_names import TokenNames
from models.tokenization.tokenized_text import TokensWithOffsets
from models.tokenization.tokenizer import Tokenizer

MAX_WORD_CHARACTERS = 24
"""Characters of a word that are read; longer ones lose their middle, so that both ends stay."""
STEP_CHARACTERS = 20_000
"""Characters that are tokenized at a time: about a millisecond."""
UNLISTED = 0
"""Id of a character that the alphabet lacks."""


@dataclass(frozen=True)
class TaskText:
    """Tokens of one text.

    ids: [T] token ids.
    forms: [T] the tokens as they stand in the text.
    """

    ids: TokenIds
    forms: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def shown(self, names: TokenNames) -> Sequence[str]:
        """Return the tokens [T] as they are shown: words as the text has them."""
        ids = self.ids.tolist()
        return names.of_text(ids, [i == UNK for i in ids], self.forms)

    @classmethod
    def of(cls, tokenizer: Tokenizer, text: str) -> TaskText:
        """Clean and tokenize a text, with `</s>` at its end, so that even an empty one has a token."""
        tokens = tokenizer.encode_with_surfaces(clean(text))
        return cls(np.array([*tokens.ids, EOS], np.int64), (*tokens.surface_forms, EOS_TOKEN))

    @classmethod
    def of_forms(cls, tokenizer: Tokenizer, forms: Sequence[str]) -> TaskText:
        """Look up forms that were split before; nothing is added at the end."""
        return cls(tokenizer.encode_forms(forms).ids.astype(np.int64), tuple(forms))


def encode_raw_text(tokenizer: Tokenizer, text: str) -> TokensWithOffsets:
    r"""Clean and tokenize a text; offsets are those of `text` as it was given.

    >>> from models.tokenization.config import TokenizerConfig
    >>> encode_raw_text(Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "cats"]), "cats\r\ncats").offsets
    array([[ 0,  4],
           [ 4,  6],
           [ 6, 10]])
    """
    sources = source_offsets(text)
    tokens = tokenizer.encode_with_offsets(clean(text))
    return tokens if sources is None else tokens._replace(offsets=sources[tokens.offsets])


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> Generator[int, None, list[TaskText]]:
    """Tokenize texts, long ones in a step of their own; yields 0 between, so that other work can run."""
    inputs, pending = [], 0
    for text in texts:
        inputs.append(TaskText.of(tokenizer, text))
        pending += len(text)
        if pending > STEP_CHARACTERS:
            yield 0
            pending = 0
    return inputs


class Alphabet:
    """Characters with ids from 1 on; any other has the id UNLISTED.

    >>> Alphabet("abc").encode("cab!").tolist()
    [3, 1, 2, 0]
    """

    def __init__(self, characters: str) -> None:
        self.characters = characters
        self._ids = {character: i for i, character in enumerate(characters, 1)}

    @classmethod
    def of(cls, forms: Iterable[str], min_count: int = 2) -> Alphabet:
        """Make the alphabet of the characters that occur at least `min_count` times in `forms`."""
        counts: dict[str, int] = {}
        for form in forms:
            for character in form:
                counts[character] = counts.get(character, 0) + 1
        return cls("".join(sorted(character for character, count in counts.items() if count >= min_count)))

    def __len__(self) -> int:
        """Return the number of ids, UNLISTED included."""
        return len(self.characters) + 1

    def encode(self, form: str) -> NDArray[np.int64]:
        """Return the ids [C] of a word's characters, MAX_WORD_CHARACTERS at most; UNLISTED for an empty word."""
        if len(form) > MAX_WORD_CHARACTERS:
            half = MAX_WORD_CHARACTERS // 2
            form = form[:half] + form[-half:]
        return np.array([self._ids.get(character, UNLISTED) for character in form] or [UNLISTED], np.int64)


def pad(rows: Sequence[NDArray[np.int64]]) -> tuple[TokenIds, Lengths]:
    """Return rows of ids as one array [B, T], padded with zeros, and their lengths [B]."""
    lengths = np.array([len(row) for row in rows], np.int64)
    padded = np.zeros((len(rows), lengths.max(initial=0)), np.int64)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded, lengths


def spell(texts: Sequence[TaskText], alphabet: Alphabet) -> Spelling:
    """Return the spelling of a batch of texts, in which each distinct form is there once."""
    forms: dict[str, int] = {}
    rows, _ = pad([np.array([forms.setdefault(form, len(forms)) for form in text.forms], np.int64) for text in texts])
    characters, lengths = pad([alphabet.encode(form) for form in forms])
    return Spelling(rows, characters, lengths)


def token_chunks(lengths: Sequence[int], chunk_tokens: int) -> list[NDArray[np.int64]]:
    """Return rows of texts in chunks of about `chunk_tokens` tokens, texts of similar length together.

    >>> [rows.tolist() for rows in token_chunks([3, 1, 3, 2], chunk_tokens=6)]
    [[1, 3], [0, 2]]
    """
    chunks: list[list[int]] = []
    for row in np.argsort(lengths, kind="stable").tolist():
        # A chunk is as wide as its longest text, which is the one that comes last.
        if chunks and (len(chunks[-1]) + 1) * lengths[row] <= chunk_tokens:
            chunks[-1].append(row)
        else:
            chunks.append([row])
    return [np.array(chunk) for chunk in chunks]
