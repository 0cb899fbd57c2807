"""Links from n-grams to their suffixes, in counts that were summed without them: `link_suffixes`.

The suffix of (w1 ... wn) is the child, by wn, of the suffix of (w1 ... wn-1), which is known once the orders below are
linked. N-grams that begin with one word have their suffixes in ascending order, so memory is read forwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.errors import InvalidInput
from models.kernels.jit import Int, compiled
from models.ngram.count_table import Level
from models.utils.arrays import IntArray
from models.utils.parallel import context_ranges
from models.utils.scratch import Scratch


def link_suffixes(shorter: Sequence[Level], child_offsets: IntArray, token: IntArray, scratch: Scratch) -> IntArray:
    """Return the row, one order below, of each n-gram [rows] without its first word.

    `shorter` are the levels of all orders below. Raises InvalidInput where such a row is missing.
    """
    suffix: IntArray = scratch.empty(len(token), shorter[0].token.dtype)
    if len(shorter) == 1:
        for part in scratch.slices(len(token)):
            suffix[part] = token[part]
        return suffix
    below = shorter[-1]
    for begin, end in context_ranges(child_offsets):
        if not find_children(child_offsets, token, below.suffix, below.child_offsets, below.token, suffix, begin, end):
            raise InvalidInput("counts", "must belong together: an n-gram occurs, and what remains of it does not")
        scratch.trim()
    return suffix


@compiled
def find_children(
    child_offsets: IntArray,
    token: IntArray,
    contexts: IntArray,
    offsets_below: IntArray,
    token_below: IntArray,
    out: IntArray,
    begin: Int,
    end: Int,
) -> bool:
    """Write the suffixes of the n-grams of contexts `begin` to `end`; return whether all are there.

    `contexts` are the suffixes of the contexts, whose n-grams lie in `token_below` as `offsets_below` tell.
    """
    for context in range(begin, end):
        suffix = contexts[context]
        first, last = np.int64(offsets_below[suffix]), np.int64(offsets_below[suffix + 1])
        for row in range(child_offsets[context], child_offsets[context + 1]):
            stop = last
            while first < stop:
                middle = (first + stop) >> 1
                if token_below[middle] < token[row]:
                    first = middle + 1
                else:
                    stop = middle
            if first == last or token_below[first] != token[row]:
                return False
            out[row] = first
    return True
