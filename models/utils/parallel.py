"""Work on several threads at once, where it holds no lock of the interpreter: compiled loops, numpy, hashes, files.

It knows threads, and how rows are shared out by the contexts they belong to. It does not know what is computed; its
callers see to it that no result depends on how the work was shared out.

Iteration one step ahead: the next item is made on a thread of its own while the one before is in use.

It knows iterators; it pays where one of the two sides runs without the interpreter's lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

Item = TypeVar("Item")
Result = TypeVar("Result")
Ranges: TypeAlias = Iterator[tuple[int, int]]

ROWS_PER_SLICE = 1 << 16
"""Rows that are worth a thread's while, and whose intermediate results stay in its cache."""


def parallel_map(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """What `work` makes of each item, in their order, on as many threads as torch may use."""
    items = list(items)
    threads = min(torch.get_num_threads(), len(items))
    if threads <= 1:
        return list(map(work, items))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))


def parallel_imap(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The same one by one, for items without end: few are taken, and few results held, before their turn."""
    threads = torch.get_num_threads()
    if threads <= 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def row_slices(size: int) -> list[slice]:
    """So many rows in slices."""
    return [slice(begin, min(begin + ROWS_PER_SLICE, size)) for begin in range(0, size, ROWS_PER_SLICE)]


def context_ranges(begins: NDArray[np.integer[Any]]) -> Ranges:
    """Ranges of contexts with about a slice of rows each; those of a context begin at its `begins` [contexts + 1]."""
    wanted = np.arange(ROWS_PER_SLICE, int(begins[-1]), ROWS_PER_SLICE)
    return pairwise(sorted({0, len(begins) - 1, *np.searchsorted(begins, wanted).tolist()}))


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items; what `items` raises is raised where the item would have come."""
    iterator, end = iter(items), object()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, iterator, end)
        while (item := waiting.result()) is not end:
            waiting = pool.submit(next, iterator, end)
            yield item  # type: ignore[misc]
