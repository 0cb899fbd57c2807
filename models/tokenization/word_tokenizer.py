"""Word tokens in bulk: each line of a text goes to the compiled loops, or to the pipeline where they cannot judge it.

It knows which of the two ways a line takes, and that both give the same; it knows neither how either works, nor what
a vocabulary leaves out.

Short texts, piece by piece: the tokens of what stands between two spaces are found once and then remembered.

It knows that a tokenizer never looks across a space, so that a text's tokens are those of its pieces. It does not know
how pieces are cut. For a sentence, calling compiled loops and filling arrays takes several times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.special_tokens import EOS_TOKEN, SPECIALS
from models.tokenization import pipeline, vocab_lookup, word_splitter
from models.tokenization.config import TokenizerConfig
from models.tokenization.word_splitter import FOREIGN, alphabet_of, foreign_lines
from models.utils.arrays import joined


class Words:
    """Cuts text into the word tokens of one configuration and looks them up. Immutable."""

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str]) -> None:
        self._lowercase = config.lowercase
        self.alphabet = alphabet_of(config.lowercase, config.pretokenized)
        self._splitter = pipeline.build(config, SPECIALS)
        self._table = vocab_lookup.table_of(vocabulary)
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
        data = word_splitter.bytes_of(b"\n".join([*lines, b""]))
        spans = np.zeros((len(lines) + 1, 2), np.int64)
        np.cumsum([len(line) + 1 for line in lines], out=spans[1:, 0])
        spans[:-1, 1] = spans[1:, 0] if ended else spans[1:, 0] - 1
        ids, ends = np.empty(data.size, np.int32), np.empty(len(lines), np.int64)
        size = vocab_lookup.number_each(data, spans, self.alphabet, self._table, ids, ends)
        return ids[:size].copy(), ends

    def cut(self, text: str) -> list[str]:
        """The surface forms [T] of `text`, aligned with `encode(text)`."""
        return [surface for run, native in self.runs(text) for surface in self._cut(run, native)]

    def _cut(self, run: bytes, native: bool) -> list[str]:
        if not native:
            return self.surfaces(run)
        spans = np.empty((len(run), 2), np.int64)
        size = word_splitter.cut(word_splitter.bytes_of(run), self.alphabet, spans)
        return [run[begin:end].decode() or EOS_TOKEN for begin, end in spans[:size].tolist()]

    def _look_up(self, run: bytes) -> NDArray[np.int32]:
        ids = np.empty(len(run), np.int32)
        size = vocab_lookup.number(word_splitter.bytes_of(run), self.alphabet, self._table, False, ids)
        return ids[:size].copy()  # the copy lets go of the memory that short tokens would have taken

    def _look_up_foreign(self, run: bytes) -> NDArray[np.int32]:
        return np.array([self._ids.get(surface, vocab_lookup.MISSING) for surface in self.surfaces(run)], np.int32)

    def surfaces(self, run: bytes) -> list[str]:
        """The tokens of lines that the compiled loops cannot judge."""
        return pipeline.surfaces(self._splitter, run.decode())

    def runs(self, text: str) -> Iterator[tuple[bytes, bool]]:
        """Lines in a row that one of the two ways can go, ready for it, and whether the compiled loops are that way."""
        if self._native_throughout(text):
            yield self._native(text), True
            return
        data, at = text.encode(), 0
        array = word_splitter.bytes_of(data)
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
        data = word_splitter.bytes_of(text.encode())
        return bool(foreign_lines(data, 0, self.alphabet)[0] >= data.size)

    def _native(self, text: str) -> bytes:
        if self._lowercase:
            # Python writes a capital sigma at the end of a word as the final sigma, the pipeline does not.
            text = text.replace("\u03a3", "\u03c3").lower()
        return text.encode()


REMEMBERED = 1 << 15
"""Pieces; when there are more, all are forgotten."""


LONGEST = 64
"""Characters of a piece that is remembered."""


class Piece(NamedTuple):
    """The tokens of a piece: their ids and, whether the vocabulary has it or not, the surface form of each."""

    ids: list[int]
    oov: list[bool]
    surfaces: list[str]


class Pieces:
    """What has been cut before, by what stood there. Any number of threads may ask it."""

    def __init__(self, cut: Callable[[list[str]], list[Piece]]) -> None:
        """`cut` is given several at a time, each once."""
        self._cut = cut
        self._known: dict[str, Piece] = {}

    def read(self, text: str) -> Piece:
        """The tokens of `text`. Raises what cutting it raises."""
        pieces = text.split(" ")
        whole = Piece([], [], [])
        for found in map(self._known.get, pieces):
            if found is None:
                return self._read(pieces)
            whole.ids.extend(found.ids)
            whole.oov.extend(found.oov)
            whole.surfaces.extend(found.surfaces)
        return whole

    def _read(self, pieces: list[str]) -> Piece:
        """The tokens of pieces of which not all are known."""
        known = self._known
        new = [piece for piece in dict.fromkeys(pieces) if piece not in known]
        cut = dict(zip(new, self._cut(new), strict=True))
        self._remember({piece: found for piece, found in cut.items() if len(piece) <= LONGEST})
        found = [cut.get(piece) or known[piece] for piece in pieces]
        return Piece(*(list(chain.from_iterable(column)) for column in zip(*found, strict=True)))

    def _remember(self, found: dict[str, Piece]) -> None:
        if len(self._known) + len(found) > REMEMBERED:
            self._known = {}
        self._known |= found
