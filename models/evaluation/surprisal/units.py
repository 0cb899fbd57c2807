"""Units of a text that surprisal is told of: words, lines, or spans; and which tokens belong to each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from models.errors import InvalidInput
from models.special_tokens import EOS
from models.tokenization.raw_text import WHITESPACE
from models.utils.arrays import BoolArray, Int64Array

UnitKind: TypeAlias = Literal["word", "line"]
CharacterSpan: TypeAlias = tuple[int, int]
"""Begin and end in characters of a text, its end excluded."""


class Unit(NamedTuple):
    """Tokens that are told of together."""

    begin: int
    """Position of its first token, blanks before its text included."""
    end: int
    """Position after its last token."""
    span: CharacterSpan
    """Where it stands in the text, without blanks around it."""


class PlacedTokens(NamedTuple):
    """Tokens of a text [T] with their places in it.

    text: the text as it was given.
    ids: [T] token ids.
    offsets: [T, 2] begin and end of each token in characters.
    begins_word: [T] whether a word can begin at the token: at a blank, after one, at the end of a line and after it.
    """

    text: str
    ids: Int64Array
    offsets: Int64Array
    begins_word: BoolArray

    @classmethod
    def place(cls, text: str, ids: Int64Array, offsets: Int64Array, boundary_tokens: Int64Array | None) -> PlacedTokens:
        """Mark where words begin: at `boundary_tokens`, or where none are given, behind white space."""
        if boundary_tokens is None:
            begins = np.concatenate([[True], offsets[1:, 0] > offsets[:-1, 1]])[: len(ids)] | (ids == EOS)
        else:
            begins = np.isin(ids, boundary_tokens)
        begins[1:] |= ids[:-1] == EOS
        return cls(text, ids, offsets, begins)

    def list_units(self, kind: UnitKind) -> list[Unit]:
        """List the words, or the lines; the end of a line stands alone among words, and belongs to its line."""
        starts = self._line_starts() if kind == "line" else self._word_starts()
        return [self._unit(begin, end) for begin, end in pairwise([*starts, len(self.ids)])]

    def find_units(self, spans: Sequence[CharacterSpan]) -> list[Unit]:
        """Find the tokens of each span. Raises InvalidInput for one without text or not of whole tokens."""
        stripped = [_strip(self.text, begin, end) for begin, end in self.offsets.tolist()]
        begins, ends = np.array(stripped, np.int64).reshape(-1, 2).T
        return [self._find(f"spans.{i}", span, begins, ends) for i, span in enumerate(spans)]

    def _find(self, field: str, span: CharacterSpan, begins: Int64Array, ends: Int64Array) -> Unit:
        """Find the tokens of one span, given where each token [T] stands without blanks around it."""
        if not 0 <= span[0] < span[1] <= len(self.text) or not self.text[slice(*span)].strip(WHITESPACE):
            raise InvalidInput(field, f"must hold characters of the text, which has {len(self.text)}: {list(span)}")
        begin, end = _strip(self.text, *span)
        first, last = np.searchsorted(ends, begin, "right"), np.searchsorted(begins, end, "left")
        if first == last or begins[first] < begin or ends[last - 1] > end:
            raise InvalidInput(field, f"must hold whole tokens, and {self.text[begin:end]!r} parts one")
        while first > 0 and self._is_blank(int(first) - 1):
            first -= 1
        return Unit(int(first), int(last), (begin, end))

    def _is_blank(self, position: int) -> bool:
        """Whether a token holds white space alone and no end of a line."""
        begin, end = self.offsets[position].tolist()
        return self.ids[position] != EOS and begin < end and not self.text[begin:end].strip(WHITESPACE)

    def _word_starts(self) -> list[int]:
        """Return where words begin; blanks belong to the word, or the end of a line, that comes after them."""
        return [i for i in range(len(self.ids)) if i == 0 or (self.begins_word[i] and not self._is_blank(i - 1))]

    def _line_starts(self) -> list[int]:
        breaks = [not {"\n", "\r"}.isdisjoint(self.text[begin:end]) for begin, end in self.offsets.tolist()]
        return [i for i in range(len(self.ids)) if i == 0 or breaks[i - 1]]

    def _unit(self, begin: int, end: int) -> Unit:
        span = (int(self.offsets[begin, 0]), int(self.offsets[end - 1, 1]))
        return Unit(begin, end, _strip(self.text, *span) if self.text[slice(*span)].strip(WHITESPACE) else span)


def _strip(text: str, begin: int, end: int) -> CharacterSpan:
    """Return begin and end without the blanks around; both at the end where there is nothing else."""
    while begin < end and text[begin] in WHITESPACE:
        begin += 1
    while begin < end and text[end - 1] in WHITESPACE:
        end -= 1
    return begin, end
