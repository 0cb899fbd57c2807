"""Reading rows of tokens that come before anything is asked: any number of rows together, a slice at a time.

It knows where a row begins, how far it has been read and which prefixes are worth keeping; it does not know what its
state is wanted for. A row that begins like one read before is read from where they part.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.language_model import LanguageModel
from models.state import State, concat, split

Ids = NDArray[np.int32]

CACHE_BLOCK_TOKENS = 64
"""The state after every so many tokens is kept, so that texts that part later on share what they have in common."""


class PromptPrefill:
    """Tokens to be read, and the state after as many of them as have been."""

    def __init__(self, model: LanguageModel, ids: Ids, *, bos: bool = True) -> None:
        """Read `ids` [T] from the boundary token or, without `bos`, from nothing."""
        self.ids = ids
        self._bos = bos
        found: tuple[int, State | None] = (0, None)
        if model.prefixes is not None:
            found = model.prefixes.longest_prefix(ids, bos=bos)
        self.cached_tokens, state = found
        """How many tokens need not be read."""
        self.position = self.cached_tokens
        self.state = state if state is not None else model.begin_state(1) if bos else model.null_state(1)

    @property
    def done(self) -> bool:
        """Whether all has been read."""
        return self.position == len(self.ids)

    def next_chunk(self, most: int) -> Ids:
        """What to read next, `most` tokens or up to where a state is kept."""
        return self.ids[
            self.position : min(
                self.position + most, self.position + CACHE_BLOCK_TOKENS - self.position % CACHE_BLOCK_TOKENS
            )
        ]

    def _advance(self, model: LanguageModel, count: int, state: State) -> None:
        """So many tokens were read, and led to `state`, which is this row's own."""
        self.position += count
        self.state = state
        if model.prefixes is not None and (self.done or self.position % CACHE_BLOCK_TOKENS == 0):
            model.prefixes.put(self.ids[: self.position], state, _bytes(state), bos=self._bos)


def prefill_chunk(model: LanguageModel, rows: Sequence[PromptPrefill]) -> int:
    """Read one slice of rows that are not done; returns how many tokens it held."""
    width = max(1, model.chunk_tokens // len(rows))
    parts = [row.next_chunk(width) for row in rows]
    if len(rows) == 1:  # nothing to pad, to stack or to take apart
        rows[0]._advance(model, len(parts[0]), model.advance(rows[0].state, _tokens(parts[0])))
        return len(parts[0])
    state = model.advance(concat([row.state for row in rows]), *pad_rows(parts))
    for row, part, own in zip(rows, parts, split(state), strict=True):
        row._advance(model, len(part), own)
    return sum(map(len, parts))


def prefill(model: LanguageModel, rows: Sequence[PromptPrefill]) -> Generator[int, None, State]:
    """The state after each of the rows, which may hold one several times; yields the size of each slice in tokens."""
    while pending := unfinished(rows):
        yield prefill_chunk(model, pending)
    return concat([row.state for row in rows])


def unfinished(rows: Iterable[PromptPrefill]) -> list[PromptPrefill]:
    """Those that are not done, each once."""
    return [row for row in dict.fromkeys(rows) if not row.done]


def pad_rows(rows: Sequence[Ids]) -> tuple[Tensor, Tensor | None]:
    """Rows of ids as one int64 tensor [B, T] filled up at the right, and their lengths [B], where these differ."""
    lengths = [len(row) for row in rows]
    tokens = np.zeros((len(rows), max(lengths)), np.int64)
    for i, row in enumerate(rows):
        tokens[i, : lengths[i]] = row
    differ = min(lengths) < max(lengths)
    return torch.from_numpy(tokens), torch.from_numpy(np.array(lengths)) if differ else None


def _tokens(ids: Ids) -> Tensor:
    return torch.from_numpy(ids.astype(np.int64))[None]


def _bytes(state: State) -> int:
    return sum(map(_bytes, state)) if isinstance(state, tuple) else state.nbytes
