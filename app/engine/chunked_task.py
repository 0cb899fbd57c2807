"""ChunkedTask: long work done a chunk at a time, so that other work can run in between."""

from __future__ import annotations

from collections.abc import Generator

from app.engine.chunk_size import IDLE_CHUNK_SECONDS, ChunkSizer
from app.engine.outbox import Outbox, TaskResult


class ChunkedTask:
    """A generator that does one chunk of work per step, driven in any one thread, and its id."""

    def __init__(
        self, task_id: int, chunks: Generator[object, None, object], chunk_sizer: ChunkSizer | None = None
    ) -> None:
        """`chunk_sizer` sets how long each chunk is; without one, chunks are as long as they are."""
        self.id = task_id
        self.cancelled = False
        """Set by whoever no longer wants the result; the task then ends before its next chunk."""
        self._chunks = chunks
        self._chunk_sizer = chunk_sizer

    def run_chunk(self, outbox: Outbox, seconds: float = IDLE_CHUNK_SECONDS) -> bool:
        """Do one chunk of about `seconds`; return whether there is more. The result goes to `outbox`."""
        if self.cancelled:
            self._chunks.close()
            return False
        try:
            if self._chunk_sizer is None:
                next(self._chunks)
            else:
                self._chunk_sizer.start_chunk(seconds)
                self._chunk_sizer.finish_chunk(next(self._chunks))
        except StopIteration as end:
            outbox.put([TaskResult(self.id, end.value)])
        except Exception as error:  # a model's failure belongs to its own request and to no other
            outbox.put([TaskResult(self.id, None, error)])
        else:
            return True
        return False

    def run_to_end(self, outbox: Outbox) -> None:
        """Do all chunks."""
        while self.run_chunk(outbox):
            pass
