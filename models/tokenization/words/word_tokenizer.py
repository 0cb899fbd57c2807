"""Word tokens in bulk, from the compiled loops or, for lines that they do not support, the pipeline.

`char_classes` asks the pipeline how it treats each character, for the loops to do the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.special_tokens import EOS_TOKEN, SPECIAL_TOKENS
from models.tokenization.config import TokenizerConfig
from models.tokenization.detokenizer import Detokenizer
from models.tokenization.encoding import MISSING, TokenModel
from models.tokenization.pipeline import build_pipeline, surface_forms
from models.tokenization.words.vocab_lookup import build_vocab_table, encode_text, encode_texts
from models.tokenization.words.word_splitter import (
    PUNCTUATION,
    SPACE,
    UNSUPPORTED,
    WORD,
    CharClasses,
    next_unsupported_lines,
    padded_bytes,
    split_tokens,
)

# Characters whose lower case is the same in every version of Unicode that Python and the pipeline may be built with:
# Latin, Greek, Cyrillic, punctuation and symbols.
_SUPPORTED_CODE_POINTS = frozenset([*range(0x0530), *range(0x1E00, 0x2300)])
_OGHAM_SPACE = 0x1680


@cache
def char_classes(lowercase: bool, pretokenized: bool) -> CharClasses:
    """Build the classes for word tokenizers with these settings, asking their pipeline for each."""
    config = TokenizerConfig(lowercase=lowercase, pretokenized=pretokenized)
    pipeline = build_pipeline(config, SPECIAL_TOKENS)
    beyond_table = WORD if pretokenized and not lowercase else UNSUPPORTED
    table = np.full(max(_SUPPORTED_CODE_POINTS) + 1, beyond_table, np.uint8)
    for code in _SUPPORTED_CODE_POINTS:
        # The lower case of two letters of Latin Extended-B is not among the supported characters.
        if _SUPPORTED_CODE_POINTS.issuperset(map(ord, chr(code).lower())):
            table[code] = _classify(surface_forms(pipeline, f"a{chr(code)}a"))
    table[[ord("\n"), _OGHAM_SPACE]] = SPACE
    return CharClasses(table, beyond_table, not pretokenized)


def _classify(forms: list[str]) -> int:
    """Return the class of a character, given how the pipeline splits it from a letter on each side."""
    return WORD if len(forms) == 1 else SPACE if forms == ["a", "a"] else PUNCTUATION


class WordTokenizer(TokenModel):
    """Splitter of text into the word tokens of one configuration, with their ids."""

    splits_at_spaces = True

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        self._lowercase = config.lowercase
        self.classes = char_classes(config.lowercase, config.pretokenized)
        self._pipeline = build_pipeline(config, SPECIAL_TOKENS)
        self._table = build_vocab_table(vocabulary)

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the ids [T] of `text`, MISSING where the vocabulary lacks the surface form."""
        runs = [
            encode_text(run, self.classes, self._table) if supported else self._encode_unsupported(run)
            for run, supported in self.line_runs(text)
        ]
        return runs[0] if len(runs) == 1 else np.concatenate([np.empty(0, np.int32), *runs])

    def encode_batch(self, texts: Sequence[str], *, add_eos: bool) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids [T] of all `texts` and where each ends [N], by one call of the compiled loops."""
        if len(texts) == 1 or not self._is_supported("".join(texts)):
            return super().encode_batch(texts, add_eos=add_eos)
        lines = [self._normalize(text) for text in texts]
        data = padded_bytes(b"\n".join([*lines, b""]))
        spans = np.zeros((len(lines) + 1, 2), np.int64)
        np.cumsum([len(line) + 1 for line in lines], out=spans[1:, 0])
        spans[:-1, 1] = spans[1:, 0] if add_eos else spans[1:, 0] - 1
        ids, ends = np.empty(data.size, np.int32), np.empty(len(lines), np.int64)
        size = encode_texts(data, spans, self.classes, self._table, ids, ends)
        return ids[:size].copy(), ends

    def split(self, text: str) -> list[str]:
        """Return the surface forms [T] of `text`, aligned with `encode(text)`."""
        return [
            form
            for run, supported in self.line_runs(text)
            for form in (self._split_run(run) if supported else self.split_unsupported(run))
        ]

    def forms_at(self, text: str, positions: NDArray[np.int64]) -> list[str]:
        """Return the surface forms [N] of the tokens at ascending `positions` [N], and split no other from its line."""
        forms: list[str] = []
        begin = 0
        for run, supported in self.line_runs(text) if len(positions) else ():
            tokens: Sequence[str] | NDArray[np.int64] = self._spans(run) if supported else self.split_unsupported(run)
            inside = positions[np.searchsorted(positions, begin) : np.searchsorted(positions, begin + len(tokens))]
            if isinstance(tokens, np.ndarray):
                forms += [run[first:last].decode() or EOS_TOKEN for first, last in tokens[inside - begin].tolist()]
            else:
                forms += [tokens[i] for i in (inside - begin).tolist()]
            begin += len(tokens)
        return forms

    def detokenizer(self) -> Detokenizer:
        """Return a joiner of words that come one by one, by the rules of English."""
        return Detokenizer(self.vocabulary)

    def line_runs(self, text: str) -> Iterator[tuple[bytes, bool]]:
        """Yield runs of lines as UTF-8, and whether the compiled loops support each; if so it is normalized."""
        if self._is_supported(text):
            yield self._normalize(text), True
            return
        data, position = text.encode(), 0
        array = padded_bytes(data)
        while position < len(data):
            begin, end = map(int, next_unsupported_lines(array, position, self.classes))
            if begin > position:
                yield self._normalize(data[position:begin].decode()), True
            if end > begin:
                yield data[begin:end], False
            position = end

    def split_unsupported(self, run: bytes) -> list[str]:
        """Return the surface forms of lines that the compiled loops do not support, split by the pipeline."""
        return surface_forms(self._pipeline, run.decode())

    def _split_run(self, run: bytes) -> list[str]:
        return [run[begin:end].decode() or EOS_TOKEN for begin, end in self._spans(run).tolist()]

    def _spans(self, run: bytes) -> NDArray[np.int64]:
        """Return begin and end [T, 2] of each token in the bytes of lines that the loops support."""
        spans = np.empty((len(run), 2), np.int64)
        return spans[: split_tokens(padded_bytes(run), self.classes, spans)]

    def _encode_unsupported(self, run: bytes) -> NDArray[np.int32]:
        return np.array([self.ids.get(form, MISSING) for form in self.split_unsupported(run)], np.int32)

    def _is_supported(self, text: str) -> bool:
        """Whether the compiled loops support all of `text`."""
        if text.isascii() or self.classes.beyond_table != UNSUPPORTED:
            return True
        data = padded_bytes(text.encode())
        return bool(next_unsupported_lines(data, 0, self.classes)[0] >= data.size)

    def _normalize(self, text: str) -> bytes:
        if self._lowercase:
            # Python lower-cases a capital sigma at the end of a word to the final sigma; the pipeline does not.
            text = text.replace("\u03a3", "\u03c3").lower()
        return text.encode()
