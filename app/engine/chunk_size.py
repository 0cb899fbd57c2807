"""ChunkSizer: how many tokens one chunk of long work holds, so that it takes a given time."""

from __future__ import annotations

import time

from models.inference.prefill import Runtime

DECODING_CHUNK_SECONDS = 0.004
"""Length of a chunk while texts are generated, which wait for a prefill and a chunk before each token. A longer one
raises the throughput of long work and the time between two tokens."""
IDLE_CHUNK_SECONDS = 0.05
"""Length of a chunk while no text is generated."""
FIRST_CHUNK_TOKENS = 8
"""Tokens of the first chunk, before the model's speed is known."""
MAX_CHUNK_TOKENS = 4096
"""Bounds the memory of one chunk."""


class ChunkSizer:
    """Choice of one model's chunk size from the tokens per second of past chunks."""

    def __init__(self, runtime: Runtime, *, fixed: bool = False) -> None:
        """Set `runtime.chunk_tokens`, unless `fixed`, as for n-gram models, which several threads share."""
        self._runtime = runtime
        self._fixed = fixed
        self._tokens_per_second = 0.0
        self._started = 0.0

    def start_chunk(self, seconds: float) -> None:
        """Set the chunk size so that the chunk that begins now takes about `seconds`."""
        if not self._fixed:
            tokens = int(self._tokens_per_second * seconds) if self._tokens_per_second else FIRST_CHUNK_TOKENS
            self._runtime.chunk_tokens = min(max(tokens, 1), MAX_CHUNK_TOKENS)
        self._started = time.perf_counter()

    def finish_chunk(self, tokens: object) -> None:
        """Learn from a chunk of `tokens` tokens; anything but a positive integer is ignored."""
        if isinstance(tokens, int) and tokens > 0:
            speed = tokens / (time.perf_counter() - self._started)
            self._tokens_per_second = (self._tokens_per_second + speed) / 2 if self._tokens_per_second else speed
