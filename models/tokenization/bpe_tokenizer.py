"""Sub-word tokens: byte pair encoding (Sennrich, Haddow and Birch 2016) over bytes, so that no text is unknown.

A text is cut at blanks and between letters, digits and marks, as GPT-2 does (Radford et al. 2019); each piece is its
bytes, written as printable characters, and pairs of neighbours are merged in the order in which they were learned. It
knows merges; it does not know files. A newline is `</s>`, and the special tokens of a text stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.special_tokens import EOS, EOS_TOKEN, UNK_TOKEN
from models.tokenization import pipeline
from models.tokenization.config import BYTE_TO_UNICODE, TokenizerConfig
from models.tokenization.pipeline import Merges

_MAX_CACHED_PIECES, _MAX_CACHED_CHARS = 100_000, 50
"""Pieces that are remembered, and characters in one of them: some ten megabytes."""
_GPT2_PIECES = re.compile(
    r"\n|'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\t-\r A-Za-z0-9]+|[\t\v-\r ]+(?![^\t-\r ])|[\t\v-\r ]+"
)
"""Where GPT-2 cuts ASCII, and ends of lines; spelt out, since Python takes more for blanks than it does."""


class BpeTokenizer:
    """Cuts text into the sub-word tokens of one vocabulary. Threads may share it: what it remembers changes nothing."""

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges) -> None:
        """Raises InvalidInput where a byte has no token, so that some text could not be written."""
        if not set(BYTE_TO_UNICODE) <= set(vocabulary):
            raise InvalidInput("vocabulary", "must hold each of the 256 bytes for a bpe tokenizer")
        self._lowercase = config.lowercase
        self._pipeline = pipeline.build_pipeline(config, list(vocabulary), merges)
        self._cached: dict[str, list[int]] = {"\n": [EOS]}  # what pieces were found to be

    def encode(self, text: str) -> NDArray[np.int32]:
        """The ids [T] of `text`: the pipeline's, which is asked for each piece of a plain line only once."""
        lines = [f"{line}\n" for line in text.split("\n")]
        lines[-1] = lines[-1][:-1]
        ids: list[int] = []
        for plain, run in groupby(lines, _is_plain):
            if plain:
                self._encode_plain("".join(run), ids)
            else:
                for encoding in self._pipeline.encode_batch_fast(list(run), add_special_tokens=False):
                    ids += encoding.ids
        return np.array(ids, np.int32)

    def _encode_plain(self, text: str, ids: list[int]) -> None:
        """Add the ids of plain lines."""
        for piece in _GPT2_PIECES.findall(text.lower() if self._lowercase else text):
            found = self._cached.get(piece)
            if found is None:
                found = self._pipeline.encode(piece, add_special_tokens=False).ids
                if len(self._cached) < _MAX_CACHED_PIECES and len(piece) <= _MAX_CACHED_CHARS:
                    self._cached[piece] = found
            ids += found


def to_byte_symbols(text: str) -> str:
    """`text` as tokens write it."""
    return "".join(BYTE_TO_UNICODE[byte] for byte in text.encode())


def _is_plain(line: str) -> bool:
    """Whether the line is ASCII without special tokens, which are cut out before anything else."""
    return line.isascii() and EOS_TOKEN not in line and UNK_TOKEN not in line
