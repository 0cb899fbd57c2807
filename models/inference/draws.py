"""How tokens of rows that come and go are chosen: what was asked for each row, and random numbers for many steps.

It knows rows and the streams that their numbers come from. It does not know texts, nor how a token is chosen
(`sampling`, `choosing`). A stream gives its numbers in its own order, whatever rows are beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from models.inference.sampling import SamplingParams, excluded, filtering
from models.kernels.sampling import LOW, Choice, Filter
from models.language_model import concat, select

AHEAD = 32
"""Numbers that are taken from a stream at once: each time, its memory has to come from far away."""

_Arrays = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]
"""Temperatures [B], excluded [B, LOW], numbers [B, AHEAD] of which the first were used."""


class Draws:
    """Those of the rows of one batch."""

    def __init__(self) -> None:
        self._arrays: _Arrays = np.zeros(0, np.float32), np.zeros((0, LOW), np.bool_), np.zeros((0, AHEAD))
        self._used = 0
        self._streams: list[np.random.Generator | None] = []
        """Where the numbers of each row come from; at temperature 0 it needs none."""
        self._filters: dict[int, Filter] = {}
        """Of the rows that have any; made anew where it changes, since choices hold it."""

    def join(self, params: Sequence[SamplingParams], streams: Sequence[np.random.Generator]) -> None:
        """Take in rows."""
        new = [stream if one.temperature else None for one, stream in zip(params, streams, strict=True)]
        numbers = np.zeros((len(new), AHEAD))
        _fill(numbers, self._used, new)
        arrays = np.array([one.temperature for one in params], np.float32), excluded(params), numbers
        self._arrays = cast("_Arrays", concat([self._arrays, arrays]))
        found = enumerate(map(filtering, params), len(self._streams))
        self._filters = self._filters | {row: filtered for row, filtered in found if filtered is not None}
        self._streams += new

    def keep(self, rows: list[int]) -> None:
        """Go on with these, in this order."""
        self._arrays = cast("_Arrays", select(self._arrays, rows))
        self._streams = [self._streams[row] for row in rows]
        self._filters = {new: self._filters[row] for new, row in enumerate(rows) if row in self._filters}

    def next(self) -> Choice:
        """How the next token of each row is chosen."""
        temperatures, out, numbers = self._arrays
        if self._used == AHEAD:
            _fill(numbers, 0, self._streams)
            self._used = 0
        drawn = numbers[:, self._used].copy()
        self._used += 1
        return Choice(temperatures, drawn, out, self._filters)


def _fill(numbers: NDArray[np.float64], begin: int, streams: Sequence[np.random.Generator | None]) -> None:
    """Numbers from `begin` on for each row that has a stream."""
    for row, stream in zip(numbers, streams, strict=True):
        if stream is not None:
            row[begin:] = stream.random(AHEAD - begin)
