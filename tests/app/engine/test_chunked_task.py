"""Chunked tasks, and the chunk size: as many tokens as the last chunks took time for."""

from collections.abc import Generator
from types import SimpleNamespace
from typing import cast

import pytest

from app.engine import chunked_task
from app.engine.chunked_task import ChunkedTask, ChunkSizer
from app.engine.outbox import Outbox, TaskResult
from models.inference.prefill import Runtime


class Clock:
    """Time that passes when told to."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(chunked_task, "time", clock)
    return clock


def test_chunk_sizer_makes_chunks_as_long_as_they_may_be_once_the_speed_is_known(clock: Clock) -> None:
    runtime = Runtime(256)
    timed = ChunkSizer(runtime)
    timed.start_chunk(0.01)
    assert runtime.chunk_tokens <= 16  # nothing is known yet
    clock.now += 0.002
    timed.finish_chunk(8)  # 4000 tokens a second
    timed.start_chunk(0.01)
    assert runtime.chunk_tokens == pytest.approx(40, abs=1)
    clock.now += 0.02
    timed.finish_chunk(40)  # 2000, so 3000 on the whole
    timed.start_chunk(0.1)
    assert runtime.chunk_tokens == pytest.approx(300, abs=1)


@pytest.mark.parametrize("nothing", [0, None, "text"])
def test_chunk_sizer_learns_nothing_from_no_tokens(clock: Clock, nothing: object) -> None:
    runtime = Runtime(256)
    timed = ChunkSizer(runtime)
    timed.start_chunk(1)
    first = runtime.chunk_tokens
    timed.finish_chunk(nothing)
    timed.start_chunk(1)
    assert runtime.chunk_tokens == first


def test_chunk_sizer_keeps_between_one_token_and_the_bound_of_memory(clock: Clock) -> None:
    runtime = Runtime(256)
    timed = ChunkSizer(runtime)
    timed.start_chunk(1)
    clock.now += 1e-6
    timed.finish_chunk(1000)
    timed.start_chunk(1)
    assert runtime.chunk_tokens <= 10_000
    timed.start_chunk(1e-12)
    assert runtime.chunk_tokens == 1


def test_chunk_sizer_leaves_the_chunks_that_several_threads_share() -> None:
    runtime = Runtime(65536)
    ChunkSizer(runtime, fixed=True).start_chunk(0.001)
    assert runtime.chunk_tokens == 65536


def test_chunk_sizer_tells_the_tokens_within_a_time_once_the_speed_is_known() -> None:
    timed = ChunkSizer(Runtime(256))
    assert timed.tokens_within(1.0) == 0
    timed.learn(8, 0.002)
    assert timed.tokens_within(0.01) == 40


class Panic(BaseException):
    """What compiled code raises where it gives up; no Exception."""


def test_chunked_task_that_panics_fails_alone() -> None:
    def panic() -> Generator[object, None, None]:
        yield 1
        raise Panic("gave up")

    results: list[TaskResult] = []
    outbox = cast(Outbox, SimpleNamespace(put=results.extend))
    task = ChunkedTask(7, panic(), ChunkSizer(Runtime(256)))
    assert task.run_chunk(outbox)
    assert not task.run_chunk(outbox)
    (result,) = results
    assert result.task_id == 7
    assert isinstance(result.error, RuntimeError)
    assert str(result.error) == "Panic: gave up"
