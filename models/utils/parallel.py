"""Work on several threads, where it releases the GIL: compiled loops, NumPy, hashes, files.

`parallel_map` and `parallel_imap` keep the order of their items, so that no result depends on how work was shared
out: an n-gram model scores 5.9 instead of 3.7 million tokens/s of the Penn Treebank on two threads
(`benchmarks.speed.ngram`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np

from models.threads import thread_count
from models.utils.arrays import IntArray, Ranges

Item = TypeVar("Item")
Result = TypeVar("Result")

ROWS_PER_SLICE = 1 << 16
"""Rows in one piece of work: enough to be worth a thread's while, few enough for the CPU's cache."""


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return `function(item)` for each item, in their order, computed on `thread_count()` threads."""
    items = list(items)
    threads = min(thread_count(), len(items))
    if threads <= 1:
        return list(map(function, items))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def parallel_imap(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield what `parallel_map` returns, taking few items ahead, so that `items` may have no end."""
    threads = thread_count()
    if threads <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def row_slices(size: int) -> list[slice]:
    """Cut `size` rows into slices of ROWS_PER_SLICE."""
    return [slice(begin, min(begin + ROWS_PER_SLICE, size)) for begin in range(0, size, ROWS_PER_SLICE)]


def context_ranges(begins: IntArray) -> Ranges:
    """Cut contexts, whose rows begin at `begins` [contexts + 1], into ranges of about ROWS_PER_SLICE rows."""
    # Of the same dtype: NumPy would copy all of `begins` otherwise.
    borders = np.searchsorted(begins, np.arange(ROWS_PER_SLICE, int(begins[-1]), ROWS_PER_SLICE).astype(begins.dtype))
    return list(pairwise(sorted({0, len(begins) - 1, *borders.tolist()})))
