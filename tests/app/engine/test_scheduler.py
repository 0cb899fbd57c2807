"""Rounds of the computing thread: what is done in which order, and what becomes of failures."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from app.engine.chunked_task import ChunkedTask, ChunkSizer
from app.engine.scheduler import AddTask, Scheduler
from models.inference.prefill import Runtime
from tests.helpers.outbox import CollectingOutbox
from tests.helpers.serving import wait_for

IDS = count()


class Steps:
    """A decoder that has so many steps to do."""

    has_stepped = True

    def __init__(self, steps: int, log: list[str]) -> None:
        self.left = steps
        self._log = log

    def step(self) -> bool:
        self._log.append("step")
        self.left -= 1
        return self.left > 0


@contextmanager
def scheduling(
    prepare: Callable[[], object] = lambda: None, decoder: Steps | None = None
) -> Iterator[tuple[Scheduler, CollectingOutbox]]:
    outbox = CollectingOutbox()
    scheduler = Scheduler("test", outbox, 8, prepare)
    if decoder:
        scheduler.decoders[1] = decoder
    scheduler.start()
    try:
        yield scheduler, outbox
    finally:
        scheduler.stop()


def task(chunks: Generator[None, None, object]) -> ChunkedTask:
    return ChunkedTask(next(IDS), chunks, ChunkSizer(Runtime(1)))


def work(chunks: int, log: list[str], name: str = "chunk") -> Generator[None, None, str]:
    for _ in range(chunks):
        log.append(name)
        yield
    return name


def test_scheduler_goes_on_after_a_round_that_fails() -> None:
    class Broken(Steps):
        def step(self) -> bool:
            super().step()
            if self.left == 2:
                raise RuntimeError("a fault of ours")
            return self.left > 0

    log: list[str] = []
    with scheduling(decoder=Broken(4, log)) as (scheduler, outbox):
        scheduler.send(AddTask(task(work(3, log))))
        wait_for(lambda: outbox.results)
    assert log.count("step") == 4
    assert log.count("chunk") == 3


def test_scheduler_steps_decoders_between_any_two_chunks() -> None:
    log: list[str] = []
    one, other = task(work(4, log, "one")), task(work(4, log, "other"))
    steps = Steps(10**9, log)
    with scheduling(decoder=steps) as (scheduler, outbox):
        scheduler.send(AddTask(one))
        scheduler.send(AddTask(other))
        wait_for(lambda: len(outbox.results) == 2)
        steps.left = 0
    assert [outbox.results[each.id].value for each in (one, other)] == ["one", "other"]
    chunks = [what for what in log if what != "step"]
    assert sorted(chunks) == ["one"] * 4 + ["other"] * 4
    assert chunks[:2] in (["one", "other"], ["one", "one"])
    for i, what in enumerate(log[:-1]):
        assert what == "step" or log[i + 1] == "step"


def test_scheduler_goes_on_when_a_task_fails() -> None:
    def failing() -> Generator[None, None, None]:
        yield
        raise ValueError("broken")

    bad, good = task(failing()), task(work(3, []))
    with scheduling() as (scheduler, outbox):
        scheduler.send(AddTask(bad))
        scheduler.send(AddTask(good))
        wait_for(lambda: len(outbox.results) == 2)
    with pytest.raises(ValueError, match="broken"):
        raise outbox.results[bad.id].error or AssertionError
    assert outbox.results[good.id].value == "chunk"


def test_scheduler_drops_a_cancelled_task() -> None:
    closed, begun = threading.Event(), threading.Event()

    def endless() -> Generator[None, None, None]:
        try:
            while True:
                begun.set()
                yield
        finally:
            closed.set()

    endless_task = task(endless())
    with scheduling() as (scheduler, outbox):
        scheduler.send(AddTask(endless_task))
        assert begun.wait(5)
        endless_task.cancelled = True
        assert closed.wait(5)
    assert not outbox.results


def test_scheduler_does_everything_in_the_one_prepared_thread() -> None:
    seen: list[int] = []

    def note() -> Generator[None, None, None]:
        seen.append(threading.get_ident())
        yield

    with scheduling(lambda: seen.append(threading.get_ident())) as (scheduler, outbox):
        for _ in range(3):
            scheduler.send(AddTask(task(note())))
        wait_for(lambda: len(outbox.results) == 3)
    assert len(seen) == 4
    assert len(set(seen)) == 1
    assert seen[0] != threading.get_ident()
