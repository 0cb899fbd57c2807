"""Prefill: prompts are read together, a chunk at a time, before the first decode step.

Whoever runs a model decides how much it reads at a time and whether it remembers prefixes (`Runtime`): the model itself
is shared and never changed. `prefill` reads rows of token ids to their ends; a `PromptPrefill` is one prompt that is
being read, so that a scheduler can do other work between two calls of `prefill_chunk`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.inference.prefix_cache import PrefixCache
from models.language_model import LanguageModel
from models.model import TokenIds
from models.state import State, concat, split
from models.utils.arrays import Offsets, padded_indices

Ids = NDArray[np.int32]

CACHE_BLOCK_TOKENS = 64
"""Tokens of a prompt between two cached states, which prompts that begin alike share; fewer make the cache fuller and
the shared part longer."""


@dataclass
class Runtime:
    """Chunk size and prefix cache of a caller that runs a model; used by one thread at a time."""

    chunk_tokens: int
    """Tokens in one chunk of work; may be changed between two chunks."""
    prefix_cache: PrefixCache[State] | None = None
    """One-row states after prefixes that were read before."""

    @classmethod
    def default_for(cls, model: LanguageModel) -> Self:
        """Return a runtime with the model's default chunk size and no prefix cache."""
        return cls(model.chunk_tokens)


class PromptPrefill:
    """A prompt that is being read: its token ids, how many were read, and the state after them."""

    def __init__(
        self, model: LanguageModel, ids: Ids, runtime: Runtime, *, bos: bool = True, end_state: State | None = None
    ) -> None:
        """Begin after the longest cached prefix of `ids` [T], else after `</s>` (without `bos`: nothing).

        A prompt whose one-row `end_state` is known has been read.
        """
        self.ids = ids
        self._bos = bos
        self._cache = runtime.prefix_cache
        cached: tuple[int, State | None] = (0, None)
        if self._cache is not None and end_state is None:
            cached = self._cache.longest_prefix(ids, bos=bos)
        self.cached_tokens, state = cached
        """How many tokens a cached prefix spared."""
        self.position = self.cached_tokens
        """How many tokens were read."""
        self.state = state if state is not None else model.initial_state(1, bos=bos)
        if end_state is not None and len(ids):
            self.move_to(end_state, len(ids))

    @property
    def done(self) -> bool:
        """Whether all tokens were read."""
        return self.position == len(self.ids)

    def next_chunk(self, most: int) -> Ids:
        """Return the next tokens to read: at most `most`, and none beyond where a state is cached."""
        block_end = self.position + CACHE_BLOCK_TOKENS - self.position % CACHE_BLOCK_TOKENS
        return self.ids[self.position : min(self.position + most, block_end)]

    def move_to(self, state: State, count: int) -> None:
        """Take the one-row `state` after the next `count` tokens; cache it at the end of a block or prompt."""
        self.position += count
        self.state = state
        if self._cache is not None and (self.done or self.position % CACHE_BLOCK_TOKENS == 0):
            self._cache.put(self.ids[: self.position], state, _byte_count(state), bos=self._bos)


def prefill(
    model: LanguageModel, ids: Ids, ends: Offsets, runtime: Runtime | None = None, *, bos: bool = True
) -> Generator[int, None, State]:
    """Return the state after N rows of ids laid end to end in `ids` [T], row i ending before `ends[i]`.

    Each row begins at the boundary token or, without `bos`, at nothing. Yields the size of each chunk in tokens.
    """
    runtime = runtime or Runtime.default_for(model)
    if runtime.prefix_cache is not None:
        prompts = [PromptPrefill(model, row, runtime, bos=bos) for row in np.split(ids, ends)[:-1]]
        return (yield from prefill_prompts(model, prompts, runtime))
    state, lengths, begin = model.initial_state(len(ends), bos=bos), np.diff(ends, prepend=0), 0
    while begin < lengths.max():
        width = max(1, runtime.chunk_tokens // len(ends))
        counts = np.clip(lengths - begin, 0, width)
        indices, _ = padded_indices(ends - lengths + np.minimum(begin, lengths), counts)
        state = model.advance(state, ids[indices].astype(np.int64), counts)
        begin += width
        yield int(counts.sum())
    return state


def prefill_prompts(
    model: LanguageModel, prompts: Sequence[PromptPrefill], runtime: Runtime
) -> Generator[int, None, State]:
    """Return the state after each prompt, a prompt being allowed twice; yields the size of each chunk."""
    while pending := unfinished(prompts):
        yield prefill_chunk(model, pending, runtime)
    return concat([prompt.state for prompt in prompts])


def prefill_chunk(model: LanguageModel, prompts: Sequence[PromptPrefill], runtime: Runtime) -> int:
    """Read one chunk of prompts that are not done; return how many tokens it held."""
    width = max(1, runtime.chunk_tokens // len(prompts))
    chunks = [prompt.next_chunk(width) for prompt in prompts]
    if len(prompts) == 1:  # nothing to pad, to stack or to take apart
        state = model.advance(prompts[0].state, chunks[0][None].astype(np.int64))
        prompts[0].move_to(state, len(chunks[0]))
        return len(chunks[0])
    states = split(model.advance(concat([prompt.state for prompt in prompts]), *pad_rows(chunks)))
    for prompt, chunk, state in zip(prompts, chunks, states, strict=True):
        prompt.move_to(state, len(chunk))
    return sum(map(len, chunks))


def unfinished(prompts: Iterable[PromptPrefill]) -> list[PromptPrefill]:
    """Return the prompts that are not done, each once."""
    return [prompt for prompt in dict.fromkeys(prompts) if not prompt.done]


def pad_rows(rows: Sequence[Ids]) -> tuple[TokenIds, NDArray[np.int64] | None]:
    """Return rows of ids as int64 [B, T], filled up with 0, and their lengths [B] where these differ."""
    lengths = [len(row) for row in rows]
    tokens = np.zeros((len(rows), max(lengths)), np.int64)
    for padded, row in zip(tokens, rows, strict=True):
        padded[: len(row)] = row
    return tokens, np.array(lengths) if min(lengths) < max(lengths) else None


def _byte_count(state: State) -> int:
    return sum(map(_byte_count, state)) if isinstance(state, tuple) else state.nbytes
