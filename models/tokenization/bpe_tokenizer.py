"""Sub-word tokens by byte pair encoding (Sennrich, Haddow and Birch 2016).

The smallest tokens are bytes, so that no text is unknown. Text is split at white space and between letters, digits and
punctuation, as in GPT-2 (Radford et al. 2019). Each piece is written as its bytes, and neighbouring tokens are merged
in the order in which the merges were learned. A newline is `</s>`.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Sequence
from itertools import chain, groupby

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.special_tokens import EOS
from models.tokenization.config import BYTE_TO_UNICODE, TokenizerConfig
from models.tokenization.definition.pipeline import Merges, added_tokens, build_pipeline
from models.tokenization.detokenizer import UNICODE_TO_BYTE, ByteDetokenizer
from models.tokenization.encoding import TokenModel
from models.tokenization.offsets import byte_offsets
from models.tokenization.raw_text import no_panic
from models.tokenization.token_names import TokenNames
from models.tokenization.word_cache import WordCache
from models.utils.arrays import Int64Array

_MAX_CACHED_PIECES = 100_000
"""Pieces in the cache, at most: some ten megabytes."""
_GPT2_PIECES = re.compile(
    r"\n|'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\t-\r A-Za-z0-9]+|[\t\v-\r ]+(?![^\t-\r ])|[\t\v-\r ]+"
)
"""Pieces of ASCII text as GPT-2 splits it, and newlines. White space is spelt out: Python's `\\s` matches more."""


class BpeTokenizer(TokenModel):
    """Splitter of text into the sub-word tokens of one vocabulary.

    The tokens of a piece are cached: 1.1 million tokens/s instead of the pipeline's 0.75 (Penn Treebank, one thread).
    """

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges) -> None:
        """Raises InvalidInput where a byte has no token, so that some text could not be written."""
        if not set(BYTE_TO_UNICODE) <= set(vocabulary):
            raise InvalidInput("vocabulary", "must hold each of the 256 bytes for a bpe tokenizer")
        super().__init__(config, vocabulary)
        self.merges = list(merges)
        self.pipeline = build_pipeline(config, vocabulary, merges)
        self._typed_tokens = [token for token in added_tokens(config) if token != "\n"]
        self._cache = WordCache(self._encode_pieces, _MAX_CACHED_PIECES)

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the ids [T] of `text`: plain lines piece by piece from the cache, others from the pipeline."""
        lines = [f"{line}\n" for line in text.split("\n")]
        lines[-1] = lines[-1][:-1]
        ids: list[int] = []
        for plain, group in groupby(lines, self._is_plain):
            run = list(group)
            ids += self._encode_plain("".join(run)) if plain else self._encode_lines(run)
        return np.array(ids, np.int32)

    def split(self, text: str) -> list[str]:
        """Return the tokens [T] of `text` as the vocabulary writes them, aligned with `encode(text)`."""
        return [self.vocabulary[i] for i in self.encode(text).tolist()]

    def detokenizer(self) -> ByteDetokenizer:
        """Return a joiner of tokens that come one by one, byte by byte."""
        return ByteDetokenizer(self.vocabulary)

    def offsets_in_normalized(self, text: str, surface_forms: Sequence[str]) -> Int64Array:
        """Return begin and end [T, 2] of each token in characters, of which it may have a part."""
        return byte_offsets(text, surface_forms)

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes that a token writes, perhaps half a character; of a special token, its name's."""
        symbols = self.vocabulary[token]
        return symbols.encode() if token <= EOS else bytes(map(UNICODE_TO_BYTE.__getitem__, symbols))

    def encode_bytes(self, text: bytes) -> list[int] | None:
        """Return the ids [T] of UTF-8 that may end inside a character; None where it is malformed."""
        decoder = getincrementaldecoder("utf-8")()
        try:
            whole = decoder.decode(text)
        except UnicodeDecodeError:
            return None
        half, line = decoder.getstate()[0], whole.rfind("\n") + 1
        if not half:
            return list(self.encode(whole).tolist())
        return [*self.encode(whole[:line]).tolist(), *self._encode_half(whole[line:], half)]

    def names(self) -> TokenNames:
        """Return how tokens are shown: as the text of their bytes."""
        return TokenNames.of_bytes(list(map(self.token_bytes, range(len(self.vocabulary)))))

    def _encode_plain(self, text: str) -> list[int]:
        pieces = _GPT2_PIECES.findall(self.normalizer(text))
        return list(chain.from_iterable(self._cache.look_up(pieces)))

    def _encode_pieces(self, pieces: list[str]) -> list[list[int]]:
        with no_panic():
            return [self.pipeline.encode(piece, add_special_tokens=False).ids for piece in pieces]

    def _encode_half(self, line: str, half: bytes) -> list[int]:
        """Return the ids of a line that ends inside a character, split as if any that so begins stood there."""
        character = next(filter(None, (_decode(half, fill) for fill in (0x80, 0x90, 0xA0))))
        with no_panic():
            *symbols, last = [symbols for symbols, _ in self.pipeline.pre_tokenizer.pre_tokenize_str(line + character)]
            pieces = [*symbols, last[: len(half) - len(character.encode())]]
            return [token.id for piece in pieces for token in self.pipeline.model.tokenize(piece)]

    def _encode_lines(self, lines: list[str]) -> list[int]:
        with no_panic():
            encodings = self.pipeline.encode_batch_fast(lines, add_special_tokens=False)
        return [i for encoding in encodings for i in encoding.ids]

    def _is_plain(self, line: str) -> bool:
        """Whether the line is ASCII without typed tokens, which the pipeline cuts out before anything else."""
        return line.isascii() and not any(token in line.lower() for token in self._typed_tokens)


def _decode(half: bytes, fill: int) -> str:
    """Return a character that begins with the bytes `half` and goes on with the byte `fill`, or ""."""
    length = 2 if half[0] < 0xE0 else 3 if half[0] < 0xF0 else 4
    return (half + bytes([fill, 0x80, 0x80]))[:length].decode(errors="ignore")
