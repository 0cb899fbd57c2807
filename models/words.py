"""Word tokens in bulk: each line of a text goes to the compiled loops, or to the pipeline where they cannot judge it.

It knows which of the two ways a line takes, and that both give the same; it knows neither how either works, nor what
a vocabulary leaves out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from models import interning, pipeline, splitting
from models.alphabet import FOREIGN, alphabet_of
from models.pipeline import EOS_TOKEN, SPECIALS, TokenizerConfig
from models.ragged import joined
from models.splitting import foreign_lines

_BLOCK = 1 << 16  # bytes


class Words:
    """Cuts text into the word tokens of one configuration and looks them up. Immutable."""

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str]) -> None:
        self._lowercase = config.lowercase
        self.alphabet = alphabet_of(config.lowercase, config.pretokenized)
        self._splitter = pipeline.build(config, SPECIALS)
        self._table = interning.table_of(vocabulary)
        self._ids = {token: i for i, token in enumerate(vocabulary)}

    def encode(self, text: str) -> NDArray[np.int32]:
        """The ids [T] of `text`, MISSING where the vocabulary lacks the surface form."""
        runs = [self._look_up(run) if native else self._look_up_foreign(run) for run, native in self.runs(text)]
        return runs[0] if len(runs) == 1 else np.concatenate([np.empty(0, np.int32), *runs])

    def encode_all(self, texts: Sequence[str], ended: bool) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids [T] of all `texts`, one after the other, and where those of each end [N]; `ended`: with `</s>`."""
        # One alone is quicker as it is.
        if len(texts) == 1 or not self._native_throughout("".join(texts)):
            return joined([self.encode(text + "\n" if ended else text) for text in texts])
        lines = [self._native(text) for text in texts]
        data = interning.bytes_of(b"\n".join([*lines, b""]))
        spans = np.zeros((len(lines) + 1, 2), np.int64)
        np.cumsum([len(line) + 1 for line in lines], out=spans[1:, 0])
        spans[:-1, 1] = spans[1:, 0] if ended else spans[1:, 0] - 1
        ids, ends = np.empty(data.size, np.int32), np.empty(len(lines), np.int64)
        size = interning.number_each(data, spans, self.alphabet, self._table, ids, ends)
        return ids[:size].copy(), ends

    def cut(self, text: str) -> list[str]:
        """The surface forms [T] of `text`, aligned with `encode(text)`."""
        return [surface for run, native in self.runs(text) for surface in self._cut(run, native)]

    def _cut(self, run: bytes, native: bool) -> list[str]:
        if not native:
            return self.surfaces(run)
        spans = np.empty((len(run), 2), np.int64)
        size = splitting.cut(interning.bytes_of(run), self.alphabet, spans)
        return [run[begin:end].decode() or EOS_TOKEN for begin, end in spans[:size].tolist()]

    def count(self, text: Iterable[str]) -> Counter[str]:
        """How often each surface form of `text`, in chunks, occurs; newlines are not counted."""
        return Census(self, keep=False).take(text).counts()

    def census(self, text: Iterable[str]) -> Census:
        """The same, and which form stands where."""
        return Census(self, keep=True).take(text)

    def _look_up(self, run: bytes) -> NDArray[np.int32]:
        ids = np.empty(len(run), np.int32)
        size = interning.number(interning.bytes_of(run), self.alphabet, self._table, False, ids)
        return ids[:size].copy()  # the copy lets go of the memory that short tokens would have taken

    def _look_up_foreign(self, run: bytes) -> NDArray[np.int32]:
        return np.array([self._ids.get(surface, interning.MISSING) for surface in self.surfaces(run)], np.int32)

    def surfaces(self, run: bytes) -> list[str]:
        """The tokens of lines that the compiled loops cannot judge."""
        return pipeline.surfaces(self._splitter, run.decode())

    def runs(self, text: str) -> Iterator[tuple[bytes, bool]]:
        """Lines in a row that one of the two ways can go, ready for it, and whether the compiled loops are that way."""
        if self._native_throughout(text):
            yield self._native(text), True
            return
        data, at = text.encode(), 0
        array = interning.bytes_of(data)
        while at < len(data):
            begin, end = foreign_lines(array, at, self.alphabet)
            if begin > at:
                yield self._native(data[at:begin].decode()), True
            if end > begin:
                yield data[begin:end], False
            at = end

    def _native_throughout(self, text: str) -> bool:
        """Whether the compiled loops can judge all of it."""
        if text.isascii() or self.alphabet.beyond != FOREIGN:
            return True
        data = interning.bytes_of(text.encode())
        return bool(foreign_lines(data, 0, self.alphabet)[0] >= data.size)

    def _native(self, text: str) -> bytes:
        if self._lowercase:
            # Python writes a capital sigma at the end of a word as the final sigma, the pipeline does not.
            text = text.replace("\u03a3", "\u03c3").lower()
        return text.encode()


class Census:
    """The surface forms of a text by number, as they come, and how often each occurs.

    Forms that the compiled loops meet have the numbers from 0 on, the others those from -1 down, so that both index one
    list from its two ends; a form that comes in both ways has two numbers.
    """

    def __init__(self, words: Words, keep: bool) -> None:
        self._words, self._keep = words, keep
        self._table = interning.table_of(SPECIALS)
        self._foreign: dict[str, int] = {}
        self._foreign_counts: Counter[str] = Counter()
        self._numbers: list[NDArray[np.int32]] = []

    def take(self, text: Iterable[str]) -> Census:
        """Read `text`, in chunks."""
        for chunk in text:
            for run, native in self._words.runs(chunk):
                (self._take_native if native else self._take_foreign)(run)
        return self

    def counts(self) -> Counter[str]:
        """How often each form occurs."""
        counts = self._foreign_counts.copy()
        counts.update(dict(zip(interning.tokens_of(self._table), self._table.counts.tolist(), strict=False)))
        return counts

    def ids(self, vocabulary: Sequence[str]) -> Iterator[NDArray[np.int32]]:
        """The text's ids in `vocabulary`, MISSING where it lacks the form, piece by piece; each piece is let go of."""
        known = {token: i for i, token in enumerate(vocabulary)}
        forms = [*interning.tokens_of(self._table), *reversed(self._foreign)]
        table = np.array([known.get(form, interning.MISSING) for form in forms], np.int32)
        while self._numbers:
            yield table[self._numbers.pop(0)]

    def _take_native(self, run: bytes) -> None:
        begin = 0
        while begin < len(run):
            # Room for a megabyte of new tokens would scatter the few over more memory than caches hold.
            end = run.find(b"\n", begin + _BLOCK) + 1 or len(run)
            data, numbers = interning.bytes_of(run[begin:end]), np.empty(end - begin, np.int32)
            self._table = interning.with_room(self._table, data.size)
            size = interning.number(data, self._words.alphabet, self._table, True, numbers)
            if self._keep:
                self._numbers.append(numbers[:size].copy())
            begin = end

    def _take_foreign(self, run: bytes) -> None:
        surfaces = self._words.surfaces(run)
        self._foreign_counts.update(surfaces)
        if self._keep:
            numbers = [self._foreign.setdefault(surface, -1 - len(self._foreign)) for surface in surfaces]
            self._numbers.append(np.array(numbers, np.int32))
