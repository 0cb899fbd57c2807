"""Word tokens in bulk: each line of a text goes to the compiled loops, or to the pipeline where they cannot judge it.

It knows which of the two ways a line takes, and that both give the same; it knows neither how either works, nor what
a vocabulary leaves out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from models import interning, pipeline
from models.alphabet import FOREIGN, alphabet_of
from models.pipeline import SPECIALS, TokenizerConfig
from models.splitting import foreign_lines

_BLOCK = 1 << 16  # bytes


class Words:
    """Cuts text into the word tokens of one configuration and looks them up. Immutable."""

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str]) -> None:
        self._lowercase = config.lowercase
        self._alphabet = alphabet_of(config.lowercase, config.pretokenized)
        self._splitter = pipeline.build(config, SPECIALS)
        self._table = interning.table_of(vocabulary)
        self._ids = {token: i for i, token in enumerate(vocabulary)}

    def encode(self, text: str) -> NDArray[np.int32]:
        """The ids [T] of `text`, MISSING where the vocabulary lacks the surface form."""
        runs = [self._look_up(run) if native else self._look_up_foreign(run) for run, native in self._runs(text)]
        return runs[0] if len(runs) == 1 else np.concatenate([np.empty(0, np.int32), *runs])

    def count(self, text: Iterable[str]) -> Counter[str]:
        """How often each surface form of `text`, in chunks, occurs; newlines are not counted."""
        table = interning.table_of(SPECIALS)
        counts: Counter[str] = Counter()
        for chunk in text:
            for run, native in self._runs(chunk):
                if native:
                    table = self._count_run(run, table)
                else:
                    counts.update(pipeline.surfaces(self._splitter, run.decode()))
        counts.update(dict(zip(interning.tokens_of(table), table.counts.tolist(), strict=False)))
        return counts

    def _count_run(self, run: bytes, table: interning.Table) -> interning.Table:
        begin = 0
        while begin < len(run):
            # Room for a megabyte of new tokens would scatter the few over more memory than caches hold.
            end = run.find(b"\n", begin + _BLOCK) + 1 or len(run)
            data = interning.bytes_of(run[begin:end])
            table = interning.with_room(table, data.size)
            interning.number(data, self._alphabet, table, True, np.empty(data.size, np.int32))
            begin = end
        return table

    def _look_up(self, run: bytes) -> NDArray[np.int32]:
        ids = np.empty(len(run), np.int32)
        size = interning.number(interning.bytes_of(run), self._alphabet, self._table, False, ids)
        return ids[:size].copy()  # the copy lets go of the memory that short tokens would have taken

    def _look_up_foreign(self, run: bytes) -> NDArray[np.int32]:
        surfaces = pipeline.surfaces(self._splitter, run.decode())
        return np.array([self._ids.get(surface, interning.MISSING) for surface in surfaces], np.int32)

    def _runs(self, text: str) -> Iterator[tuple[bytes, bool]]:
        """Lines in a row that one of the two ways can go, ready for it, and whether the compiled loops are that way."""
        if text.isascii() or self._alphabet.beyond != FOREIGN:
            yield self._native(text), True
            return
        data, at = text.encode(), 0
        array = interning.bytes_of(data)
        while at < len(data):
            begin, end = foreign_lines(array, at, self._alphabet)
            if begin > at:
                yield self._native(data[at:begin].decode()), True
            if end > begin:
                yield data[begin:end], False
            at = end

    def _native(self, text: str) -> bytes:
        if self._lowercase:
            # Python writes a capital sigma at the end of a word as the final sigma, the pipeline does not.
            text = text.replace("\u03a3", "\u03c3").lower()
        return text.encode()
