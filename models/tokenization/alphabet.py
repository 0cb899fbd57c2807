"""The classes of characters: which make words, which separate, which stand for themselves.

It knows code points. The classes are told by `models.tokenization.pipeline` itself, so that there is no second
opinion, for the characters whose lower case is the same in all versions of Unicode that Python and it may know:
Latin, Greek, Cyrillic,
punctuation and symbols. The rest is FOREIGN, unless blanks alone separate tokens. It does not know texts.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.tokenization import pipeline
from models.tokenization.pipeline import SPECIALS, TokenizerConfig

WORD, BLANK, MARK, FOREIGN = range(4)
"""What words are of, what separates, any other, and what only the pipeline can judge."""
IDEOGRAPHIC_SPACE = 0x3000
"""The one blank beyond the table of any alphabet."""

_KNOWN = frozenset([*range(0x0530), *range(0x1E00, 0x2300)])
_OGHAM_SPACE = 0x1680


class Alphabet(NamedTuple):
    """The classes of characters to one way of cutting text.

    table: [N] by code point.
    beyond: the class of those from N on, but for IDEOGRAPHIC_SPACE.
    words: whether to cut words from punctuation, or at blanks only.
    """

    table: NDArray[np.uint8]
    beyond: int
    words: bool


@cache
def alphabet_of(lowercase: bool, pretokenized: bool) -> Alphabet:
    """The alphabet of word tokenizers with these settings, told by their pipeline itself, character by character."""
    config = TokenizerConfig(lowercase=lowercase, pretokenized=pretokenized)
    splitter = pipeline.build(config, SPECIALS)
    beyond = WORD if pretokenized and not lowercase else FOREIGN
    table = np.full(max(_KNOWN) + 1, beyond, np.uint8)
    for code in _KNOWN:
        # Lower-casing leads out of the known characters for two letters of Latin Extended-B.
        if _KNOWN.issuperset(map(ord, chr(code).lower())):
            table[code] = _class_of(pipeline.surfaces(splitter, f"a{chr(code)}a"))
    table[[ord("\n"), _OGHAM_SPACE]] = BLANK
    return Alphabet(table, beyond, not pretokenized)


def _class_of(surfaces: list[str]) -> int:
    """The class of a character, by what becomes of it between two letters."""
    return WORD if len(surfaces) == 1 else BLANK if surfaces == ["a", "a"] else MARK
