"""Word tokens in bulk, from the compiled loops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.special_tokens import EOS_TOKEN
from models.tokenization.config import TokenizerConfig
from models.tokenization.definition.pipeline import pipeline_tokens
from models.tokenization.detokenizer import Detokenizer
from models.tokenization.encoding import TokenModel
from models.tokenization.words.char_classes import char_classes, classify, padded_bytes
from models.tokenization.words.vocab_lookup import build_vocab_table, encode_text, encode_texts
from models.tokenization.words.word_splitter import split_tokens
from models.utils.arrays import ByteArray, Int64Array


class WordTokenizer(TokenModel):
    """Splitter of text into the word tokens of one configuration, with their ids."""

    splits_at_spaces = True

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        self.classes = char_classes(
            config.rules, pretokenized=config.pretokenized, control_tokens=config.control_tokens
        )
        # A token spelled as the newline is one that no other text gives.
        self._table = build_vocab_table(pipeline_tokens(config, self.vocabulary))

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the ids [T] of `text`, MISSING where the vocabulary lacks the surface form."""
        return encode_text(self.to_bytes(text), self.classes, self._table)

    def encode_batch(self, texts: Sequence[str], *, add_eos: bool) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids [T] of all `texts` and where each ends [N], by one call of the compiled loops."""
        if len(texts) == 1:
            return super().encode_batch(texts, add_eos=add_eos)
        lines = list(map(self.to_bytes, texts))
        data = padded_bytes(b"\n".join([*lines, b""]))
        spans = np.zeros((len(lines) + 1, 2), np.int64)
        np.cumsum([len(line) + 1 for line in lines], out=spans[1:, 0])
        spans[:-1, 1] = spans[1:, 0] if add_eos else spans[1:, 0] - 1
        ids, ends = np.empty(data.size, np.int32), np.empty(len(lines), np.int64)
        size = encode_texts(data, spans, self.classes, self._table, ids, ends)
        return ids[:size].copy(), ends

    def split(self, text: str) -> list[str]:
        """Return the surface forms [T] of `text`, aligned with `encode(text)`."""
        data = self.to_bytes(text)
        return _forms(data, self._spans(data))

    def forms_at(self, text: str, positions: NDArray[np.int64]) -> list[str]:
        """Return the surface forms [N] of the tokens at ascending `positions` [N] of `encode(text)`."""
        data = self.to_bytes(text)
        return _forms(data, self._spans(data)[positions])

    def form_spans(self, text: str, positions: NDArray[np.int64]) -> tuple[ByteArray, Int64Array]:
        """Return the bytes of `text`, normalized, and where the forms at `positions` [N] begin and end [N, 2]."""
        data = self.to_bytes(text)
        return padded_bytes(data), self._spans(data)[positions]

    def detokenizer(self) -> Detokenizer:
        """Return a joiner of words that come one by one, by the rules of English."""
        return Detokenizer(self.vocabulary)

    def to_bytes(self, text: str) -> bytes:
        """Return `text` as the compiled loops read it: normalized, its characters' classes known, in UTF-8."""
        normalized = self.normalizer(text)
        classify(self.classes, normalized)
        return normalized.encode()

    def _spans(self, data: bytes) -> NDArray[np.int64]:
        """Return begin and end [T, 2] of each token in the bytes of a text; a newline has none."""
        spans = np.empty((len(data), 2), np.int64)
        return spans[: split_tokens(padded_bytes(data), self.classes, spans)]


def _forms(data: bytes, spans: NDArray[np.int64]) -> list[str]:
    return [data[begin:end].decode() or EOS_TOKEN for begin, end in spans.tolist()]
