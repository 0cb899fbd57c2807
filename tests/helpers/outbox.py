"""An outbox for tests without an event loop: it keeps what the engine's threads send."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from app.core.exceptions import ModelFailed
from app.engine.generation_request import GenerationChunk
from app.engine.outbox import EngineResult, TaskResult


class CollectingOutbox:
    """Results in the order in which they came."""

    def __init__(self) -> None:
        self.chunks: dict[int, list[GenerationChunk]] = defaultdict(list)
        """By request."""
        self.results: dict[int, TaskResult] = {}
        """By task."""

    def put(self, results: Iterable[EngineResult]) -> None:
        for result in results:
            if isinstance(result, TaskResult):
                assert result.task_id not in self.results
                self.results[result.task_id] = result
            else:
                self.chunks[result.request_id].append(result)

    def finish_reasons(self, request_id: int) -> dict[int, str | None]:
        """The last word on each text of a request."""
        return {chunk.index: chunk.finish_reason for chunk in self.chunks[request_id]}

    def tokens(self, request_id: int, n: int) -> list[list[int]]:
        """The tokens of each text. Raises ModelFailed where the model failed on one."""
        tokens: list[list[int]] = [[] for _ in range(n)]
        for chunk in self.chunks[request_id]:
            if chunk.error:
                raise ModelFailed from chunk.error
            tokens[chunk.index] += chunk.tokens
        return tokens
