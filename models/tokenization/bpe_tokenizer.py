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
from models.tokenization.config import BYTES, TokenizerConfig
from models.tokenization.pipeline import Merges

_MOST_KNOWN, _LONGEST_KNOWN = 100_000, 50
"""Pieces that are remembered, and characters in one of them: some ten megabytes."""
_PIECES = re.compile(
    r"\n|'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\t-\r A-Za-z0-9]+|[\t\v-\r ]+(?![^\t-\r ])|[\t\v-\r ]+"
)
"""Where GPT-2 cuts ASCII, and ends of lines; spelt out, since Python takes more for blanks than it does."""


class BytePairs:
    """Cuts text into the sub-word tokens of one vocabulary. Threads may share it: what it remembers changes nothing."""

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges) -> None:
        """Raises InvalidInput where a byte has no token, so that some text could not be written."""
        if not set(BYTES) <= set(vocabulary):
            raise InvalidInput("vocabulary", "must hold each of the 256 bytes for a bpe tokenizer")
        self._lowercase = config.lowercase
        self._pipeline = pipeline.build(config, list(vocabulary), merges)
        self._known: dict[str, list[int]] = {"\n": [EOS]}  # what pieces were found to be

    def encode(self, text: str) -> NDArray[np.int32]:
        """The ids [T] of `text`: the pipeline's, which is asked for each piece of a plain line only once."""
        lines = [f"{line}\n" for line in text.split("\n")]
        lines[-1] = lines[-1][:-1]
        ids: list[int] = []
        for plain, run in groupby(lines, _is_plain):
            if plain:
                self._look_up("".join(run), ids)
            else:
                for encoding in self._pipeline.encode_batch_fast(list(run), add_special_tokens=False):
                    ids += encoding.ids
        return np.array(ids, np.int32)

    def _look_up(self, text: str, ids: list[int]) -> None:
        """Add the ids of plain lines."""
        for piece in _PIECES.findall(text.lower() if self._lowercase else text):
            found = self._known.get(piece)
            if found is None:
                found = self._pipeline.encode(piece, add_special_tokens=False).ids
                if len(self._known) < _MOST_KNOWN and len(piece) <= _LONGEST_KNOWN:
                    self._known[piece] = found
            ids += found


def written(text: str) -> str:
    """`text` as tokens write it."""
    return "".join(BYTES[byte] for byte in text.encode())


def _is_plain(line: str) -> bool:
    """Whether the line is ASCII without special tokens, which are cut out before anything else."""
    return line.isascii() and EOS_TOKEN not in line and UNK_TOKEN not in line
