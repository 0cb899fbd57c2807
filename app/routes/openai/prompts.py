"""Prompts of completions: texts or token ids, as the engine reads and answers echo them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.errors import InvalidInput
from models.inference.prefill import Ids
from models.special_tokens import EOS
from models.tasks.text import encode_raw_text
from models.tokenization.raw_text import clean
from models.tokenization.token_names import TokenNames
from models.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class Prompt:
    """A prompt: its internal ids [T], and its text where it came as one.

    A `</s>` before all other ids, as clients put the beginning of a text, is the boundary token that every prompt
    begins with; it is not read a second time.
    """

    tokenizer: Tokenizer
    ids: Ids
    source: str | None = None

    @property
    def boundary_count(self) -> int:
        """1 where the ids begin with the boundary token, else 0."""
        return int(self.source is None and len(self.ids) > 0 and self.ids[0] == EOS)

    @property
    def ids_to_read(self) -> Ids:
        """Ids that the model reads after the boundary token."""
        return self.ids[self.boundary_count :]

    @cached_property
    def text(self) -> str:
        """The text as it was sent, or as the ids write it."""
        return self.tokenizer.decode(self.ids_to_read.tolist()) if self.source is None else self.source

    def offsets(self) -> list[int]:
        """Return where each of the tokens [T] begins in the text, in characters."""
        if self.source is None:
            offsets = TokenOffsets(self.tokenizer, ())
            return [0] * self.boundary_count + [offsets.push(token) for token in self.ids_to_read.tolist()]
        begins: list[int] = encode_raw_text(self.tokenizer, self.source).offsets[:, 0].tolist()
        return begins


class TokenOffsets:
    """Counter of the characters that tokens write, one after the other."""

    def __init__(self, tokenizer: Tokenizer, before: Sequence[int], position: int = 0) -> None:
        """Begin at `position`, after the ids of a line."""
        self._names: TokenNames = tokenizer.names
        self._detokenizer = tokenizer.detokenizer(before)
        self._position = position

    def push(self, token: int) -> int:
        """Return where a token begins, without the blank that joins it to the word before it."""
        piece, begin = self._detokenizer.push(token), self._position
        self._position += len(piece)
        return begin + (piece.startswith(" ") and not self._names.texts[token].startswith(" "))


def last_line(ids: Ids) -> list[int]:
    """Return the ids after the last `</s>`: a line is spaced without regard to the lines before it."""
    ends = np.flatnonzero(ids == EOS)
    line: list[int] = ids[ends[-1] + 1 if len(ends) else 0 :].tolist()
    return line


def read_prompts(
    tokenizer: Tokenizer, prompt: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]
) -> list[Prompt]:
    """Return the prompts of a request. Raises InvalidInput for an id that no token has."""
    if isinstance(prompt, str):
        return [_read_text(tokenizer, prompt)]
    if isinstance(prompt[0], int):
        return [Prompt(tokenizer, _internal_ids(tokenizer, "prompt", prompt))]
    return list(_read_each(tokenizer, prompt))


def _read_each(tokenizer: Tokenizer, prompts: Sequence[object]) -> Iterator[Prompt]:
    for i, prompt in enumerate(prompts):
        if isinstance(prompt, str):
            yield _read_text(tokenizer, prompt)
        else:
            yield Prompt(tokenizer, _internal_ids(tokenizer, f"prompt.{i}", prompt))


def _read_text(tokenizer: Tokenizer, text: str) -> Prompt:
    return Prompt(tokenizer, tokenizer.encode_batch([clean(text)]).ids, text)


def _internal_ids(tokenizer: Tokenizer, field: str, ids: object) -> Ids:
    try:
        return tokenizer.internal_ids(np.array(ids, np.int64))
    except InvalidInput as error:
        raise InvalidInput(field, str(error).removeprefix(f"{error.field}: ")) from error
