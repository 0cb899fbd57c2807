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

from models.special_tokens import EOS_TOKEN, SPECIAL_TOKENS
from models.tokenization import pipeline, vocab_lookup, word_splitter
from models.tokenization.config import TokenizerConfig
from models.tokenization.word_splitter import UNSUPPORTED, char_classes, next_unsupported_lines
from models.utils.arrays import concat_rows


class WordTokenizer:
    """Cuts text into the word tokens of one configuration and looks them up. Immutable."""

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str]) -> None:
        self._lowercase = config.lowercase
        self.classes = char_classes(config.lowercase, config.pretokenized)
        self._pipeline = pipeline.build_pipeline(config, SPECIAL_TOKENS)
        self._table = vocab_lookup.build_vocab_table(vocabulary)
        self._ids = {token: i for i, token in enumerate(vocabulary)}

    def encode(self, text: str) -> NDArray[np.int32]:
        """The ids [T] of `text`, MISSING where the vocabulary lacks the surface form."""
        runs = [
            self._encode_compiled(run) if native else self._encode_unsupported(run)
            for run, native in self.line_runs(text)
        ]
        return runs[0] if len(runs) == 1 else np.concatenate([np.empty(0, np.int32), *runs])

    def encode_batch(self, texts: Sequence[str], add_eos: bool) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids [T] of all `texts`, one after the other, and where those of each end [N]; `ended`: with `</s>`."""
        # One alone is quicker as it is.
        if len(texts) == 1 or not self._is_supported("".join(texts)):
            return concat_rows([self.encode(text + "\n" if add_eos else text) for text in texts])
        lines = [self._normalize(text) for text in texts]
        data = word_splitter.padded_bytes(b"\n".join([*lines, b""]))
        spans = np.zeros((len(lines) + 1, 2), np.int64)
        np.cumsum([len(line) + 1 for line in lines], out=spans[1:, 0])
        spans[:-1, 1] = spans[1:, 0] if add_eos else spans[1:, 0] - 1
        ids, ends = np.empty(data.size, np.int32), np.empty(len(lines), np.int64)
        size = vocab_lookup.encode_texts(data, spans, self.classes, self._table, ids, ends)
        return ids[:size].copy(), ends

    def split(self, text: str) -> list[str]:
        """The surface forms [T] of `text`, aligned with `encode(text)`."""
        return [surface for run, native in self.line_runs(text) for surface in self._split_run(run, native)]

    def _split_run(self, run: bytes, native: bool) -> list[str]:
        if not native:
            return self.split_unsupported(run)
        spans = np.empty((len(run), 2), np.int64)
        size = word_splitter.split_tokens(word_splitter.padded_bytes(run), self.classes, spans)
        return [run[begin:end].decode() or EOS_TOKEN for begin, end in spans[:size].tolist()]

    def _encode_compiled(self, run: bytes) -> NDArray[np.int32]:
        ids = np.empty(len(run), np.int32)
        size = vocab_lookup.encode_text(word_splitter.padded_bytes(run), self.classes, self._table, False, ids)
        return ids[:size].copy()  # the copy lets go of the memory that short tokens would have taken

    def _encode_unsupported(self, run: bytes) -> NDArray[np.int32]:
        return np.array(
            [self._ids.get(surface, vocab_lookup.MISSING) for surface in self.split_unsupported(run)], np.int32
        )

    def split_unsupported(self, run: bytes) -> list[str]:
        """The tokens of lines that the compiled loops cannot judge."""
        return pipeline.surface_forms(self._pipeline, run.decode())

    def line_runs(self, text: str) -> Iterator[tuple[bytes, bool]]:
        """Lines in a row that one of the two ways can go, ready for it, and whether the compiled loops are that way."""
        if self._is_supported(text):
            yield self._normalize(text), True
            return
        data, at = text.encode(), 0
        array = word_splitter.padded_bytes(data)
        while at < len(data):
            begin, end = next_unsupported_lines(array, at, self.classes)
            if begin > at:
                yield self._normalize(data[at:begin].decode()), True
            if end > begin:
                yield data[begin:end], False
            at = end

    def _is_supported(self, text: str) -> bool:
        """Whether the compiled loops can judge all of it."""
        if text.isascii() or self.classes.beyond_table != UNSUPPORTED:
            return True
        data = word_splitter.padded_bytes(text.encode())
        return bool(next_unsupported_lines(data, 0, self.classes)[0] >= data.size)

    def _normalize(self, text: str) -> bytes:
        if self._lowercase:
            # Python writes a capital sigma at the end of a word as the final sigma, the pipeline does not.
            text = text.replace("\u03a3", "\u03c3").lower()
        return text.encode()


MAX_CACHED_WORDS = 1 << 15
"""Pieces; when there are more, all are forgotten."""


MAX_CACHED_CHARS = 64
"""Characters of a piece that is remembered."""


class TokenizedText(NamedTuple):
    """The tokens of a piece: their ids and, whether the vocabulary has it or not, the surface form of each."""

    ids: list[int]
    oov: list[bool]
    surface_forms: list[str]


class WordCache:
    """What has been cut before, by what stood there. Any number of threads may ask it."""

    def __init__(self, cut: Callable[[list[str]], list[TokenizedText]]) -> None:
        """`cut` is given several at a time, each once."""
        self._tokenize = cut
        self._cached: dict[str, TokenizedText] = {}

    def tokenize(self, text: str) -> TokenizedText:
        """The tokens of `text`. Raises what cutting it raises."""
        pieces = text.split(" ")
        whole = TokenizedText([], [], [])
        for found in map(self._cached.get, pieces):
            if found is None:
                return self._tokenize_new(pieces)
            whole.ids.extend(found.ids)
            whole.oov.extend(found.oov)
            whole.surface_forms.extend(found.surface_forms)
        return whole

    def _tokenize_new(self, pieces: list[str]) -> TokenizedText:
        """The tokens of pieces of which not all are known."""
        known = self._cached
        new = [piece for piece in dict.fromkeys(pieces) if piece not in known]
        cut = dict(zip(new, self._tokenize(new), strict=True))
        self._add({piece: found for piece, found in cut.items() if len(piece) <= MAX_CACHED_CHARS})
        found = [cut.get(piece) or known[piece] for piece in pieces]
        return TokenizedText(*(list(chain.from_iterable(column)) for column in zip(*found, strict=True)))

    def _add(self, found: dict[str, TokenizedText]) -> None:
        if len(self._cached) + len(found) > MAX_CACHED_WORDS:
            self._cached = {}
        self._cached |= found
