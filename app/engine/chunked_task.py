"""ChunkedTask: long work done a chunk at a time, so that other work can run in between.

ChunkSizer chooses how many tokens a chunk holds, so that it takes a given time.
"""

from __future__ import annotations

import time
from collections.abc import Generator

from app.engine.outbox import Outbox, TaskResult
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


def as_exception(error: BaseException) -> Exception:
    """Return an error as one that any code passes on: a panic of compiled code is no Exception."""
    return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")


class ChunkSizer:
    """Choice of one model's chunk size from the tokens per second of past chunks."""

    def __init__(self, runtime: Runtime, *, fixed: bool = False) -> None:
        """Set `runtime.chunk_tokens`, unless `fixed`, as for n-gram models, which several threads share."""
        self.runtime = runtime
        self._fixed = fixed
        self._tokens_per_second = 0.0
        self._started = 0.0

    def start_chunk(self, seconds: float) -> None:
        """Set the chunk size so that the chunk that begins now takes about `seconds`."""
        if not self._fixed:
            tokens = int(self._tokens_per_second * seconds) if self._tokens_per_second else FIRST_CHUNK_TOKENS
            self.runtime.chunk_tokens = min(max(tokens, 1), MAX_CHUNK_TOKENS)
        self._started = time.perf_counter()

    def finish_chunk(self, tokens: object) -> None:
        """Learn from a chunk of `tokens` tokens; anything but a positive integer is ignored."""
        if isinstance(tokens, int) and tokens > 0:
            self.learn(tokens, time.perf_counter() - self._started)

    def learn(self, tokens: int, seconds: float) -> None:
        """Learn from work on `tokens` tokens that took so long."""
        speed = tokens / max(seconds, 1e-9)
        self._tokens_per_second = (self._tokens_per_second + speed) / 2 if self._tokens_per_second else speed

    def tokens_within(self, seconds: float) -> int:
        """Return how many tokens take about `seconds`; 0 while the model's speed is not known."""
        return int(self._tokens_per_second * seconds)


class ChunkedTask:
    """A generator that does one chunk of work per step, driven in any one thread, and its id."""

    def __init__(self, task_id: int, chunks: Generator[object, None, object], chunk_sizer: ChunkSizer) -> None:
        self.id = task_id
        self.cancelled = False
        """Set by whoever no longer wants the result; the task then ends before its next chunk."""
        self.began_at: float | None = None
        """When its first chunk began, as perf_counter() tells it."""
        self._chunks = chunks
        self._chunk_sizer = chunk_sizer

    def run_chunk(self, outbox: Outbox, seconds: float = IDLE_CHUNK_SECONDS) -> bool:
        """Do one chunk of about `seconds`; return whether there is more. The result goes to `outbox`."""
        if self.cancelled:
            self._chunks.close()
            return False
        if self.began_at is None:
            self.began_at = time.perf_counter()
        try:
            self._chunk_sizer.start_chunk(seconds)
            self._chunk_sizer.finish_chunk(next(self._chunks))
        except StopIteration as end:
            outbox.put([TaskResult(self.id, end.value)])
        except BaseException as error:  # a model's failure, a panic of compiled code too, belongs to its own request
            outbox.put([TaskResult(self.id, None, as_exception(error))])
        else:
            return True
        return False

    def run_to_end(self, outbox: Outbox) -> None:
        """Do all chunks."""
        while self.run_chunk(outbox):
            pass
