"""Background work that no exception ends."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from app.core.background import FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS, BackgroundTasks, Failure, describe
from models.errors import InvalidInput


def failing(*errors: Exception | None) -> Callable[[], None]:
    """Work that raises these errors one after the other; None is a success."""
    left = list(errors)

    def work() -> None:
        if error := left.pop(0):
            raise error

    return work


def test_background_task_that_fails_is_counted_and_logged_until_it_works(caplog: pytest.LogCaptureFixture) -> None:
    counted: list[str] = []
    tasks = BackgroundTasks(counted.append)
    work = failing(OSError(13, "Permission denied", "/secret"), OSError(13, "Permission denied", "/secret"), None)
    with caplog.at_level(logging.INFO):
        assert tasks.attempt("sweep", work, 60) == FIRST_RETRY_SECONDS
        assert tasks.failing == {"sweep": Failure("Permission denied", 1)}
        assert tasks.attempt("sweep", work, 60) == 2 * FIRST_RETRY_SECONDS
        assert tasks.failing == {"sweep": Failure("Permission denied", 2)}
        assert tasks.attempt("sweep", work, 60) == 60
    assert tasks.failing == {}
    assert counted == ["sweep", "sweep"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "INFO"]


def test_background_task_waits_no_longer_than_the_longest_pause() -> None:
    tasks = BackgroundTasks()
    pauses = [tasks.record("sweep", ValueError()) for _ in range(2000)]
    assert pauses[0] == FIRST_RETRY_SECONDS
    assert max(pauses) == MAX_RETRY_SECONDS == pauses[-1]


def test_background_task_is_repeated_whatever_it_raises() -> None:
    turns: list[int] = []

    async def run() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> None:
            turns.append(len(turns))
            if len(turns) == 1:
                raise KeyError("unexpected")
            loop.call_soon_threadsafe(done.set)

        task = asyncio.create_task(BackgroundTasks().repeat("watch", work, 0.01))
        await done.wait()
        task.cancel()

    asyncio.run(asyncio.wait_for(run(), 30))
    assert len(turns) >= 2


def test_background_task_of_a_thread_ends_when_it_is_told_to() -> None:
    stop, turns = threading.Event(), []

    def work() -> None:
        turns.append(1)
        if len(turns) == 3:
            stop.set()

    BackgroundTasks().repeat_until(stop, "jobs", work, 0.0)
    assert len(turns) == 3


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InvalidInput("model", "must be known"), "model: must be known"),
        (FileNotFoundError(2, "No such file or directory", "/home/x"), "No such file or directory"),
        (ZeroDivisionError("a secret"), "ZeroDivisionError; the log has the details"),
    ],
)
def test_describe_tells_no_path_and_no_value(error: Exception, message: str) -> None:
    assert describe(error) == message
