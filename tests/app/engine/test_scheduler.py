"""Turns: what is done in which order, in one thread, and what becomes of failures."""

import asyncio
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import pytest

from app.engine.scheduler import ChunkedTask, Scheduler


@contextmanager
def scheduling(prepare: Callable[[], object] = lambda: None) -> Iterator[Scheduler]:
    scheduler = Scheduler("test", prepare)
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()


def work(slices: int, log: list[str], name: str = "slice") -> Generator[None, None, str]:
    for _ in range(slices):
        log.append(name)
        yield
    return name


class Steps:
    """A decoder that has so many turns to do."""

    def __init__(self, turns: int, log: list[str]) -> None:
        self.left = turns
        self._log = log

    def step(self) -> bool:
        self._log.append("step")
        self.left -= 1
        return self.left > 0


def test_a_decode_step_comes_between_any_two_slices() -> None:
    async def main() -> list[str]:
        log: list[str] = []
        with scheduling() as scheduler:
            one, other = ChunkedTask(work(4, log, "one")), ChunkedTask(work(4, log, "other"))

            def begin() -> None:
                scheduler.decoders[1] = Steps(20, log)

            scheduler.call_soon(begin)
            scheduler.add_task(one)
            scheduler.add_task(other)
            assert await asyncio.gather(one.future, other.future) == ["one", "other"]
        return log

    log = asyncio.run(main())
    slices = [what for what in log if what != "step"]
    assert sorted(slices) == ["one"] * 4 + ["other"] * 4
    assert slices[:2] in (["one", "other"], ["one", "one"])
    for i, what in enumerate(log[:-1]):
        assert what == "step" or log[i + 1] == "step"


def test_a_job_that_fails_leaves_the_others() -> None:
    def failing() -> Generator[None, None, None]:
        yield
        raise ValueError("broken")

    async def main() -> None:
        with scheduling() as scheduler:
            bad, good = ChunkedTask(failing()), ChunkedTask(work(3, []))
            scheduler.add_task(bad)
            scheduler.add_task(good)
            with pytest.raises(ValueError, match="broken"):
                await bad.future
            assert await good.future == "slice"

    asyncio.run(main())


def test_a_cancelled_job_is_not_driven_on() -> None:
    closed = threading.Event()

    def endless() -> Generator[None, None, None]:
        try:
            while True:
                yield
        finally:
            closed.set()

    async def main() -> None:
        with scheduling() as scheduler:
            job = ChunkedTask(endless())
            scheduler.add_task(job)
            await asyncio.sleep(0.01)
            job.future.cancel()
            assert await asyncio.to_thread(closed.wait, 5)

    asyncio.run(main())


def test_everything_happens_in_the_one_prepared_thread() -> None:
    seen: list[int] = []

    def note() -> Generator[None, None, None]:
        seen.append(threading.get_ident())
        yield

    async def main() -> None:
        with scheduling(lambda: seen.append(threading.get_ident())) as scheduler:
            jobs = [ChunkedTask(note()) for _ in range(3)]
            for job in jobs:
                scheduler.add_task(job)
            await asyncio.gather(*(job.future for job in jobs))

    asyncio.run(main())
    assert len(seen) == 4
    assert len(set(seen)) == 1
    assert seen[0] != threading.get_ident()
