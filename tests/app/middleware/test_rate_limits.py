"""Limits of a minute as one process gives them out: few queries, nobody beyond, debts that are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.core.api_keys import ApiKey, KeyLimits
from app.core.exceptions import DatabaseUnavailable, LimitReached
from app.middleware import rate_limits
from app.middleware.rate_limits import CallerLimits, MinuteLimit
from app.storage.key_usage import Slice


@dataclass
class Usage:
    """A database of one limit, which gives slices of ten and notes what it is asked."""

    left: int
    seconds: float = 60.0
    is_away: bool = False
    debts: list[int] = field(default_factory=list)

    def take(self, name: str, kind: str, limit: int, debt: int) -> Slice:
        if self.is_away:
            raise DatabaseUnavailable("gone")
        self.debts.append(debt)
        self.left -= debt
        granted = max(0, min(10, self.left))
        self.left -= granted
        return Slice(granted, self.left, self.seconds)


@pytest.fixture
def run() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Event loop to which the limits belong."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(rate_limits, "monotonic", lambda: now[0])
    return now


def caller(usage: Usage, **limits: int) -> CallerLimits:
    return CallerLimits(ApiKey("ci", b"", frozenset(["infer"]), KeyLimits(**limits)), usage)


async def begun(limits: CallerLimits, count: int) -> int:
    """Number of requests, of `count` at a time, that were let in."""
    results = await asyncio.gather(*(limits.begin_request() for _ in range(count)), return_exceptions=True)
    assert all(result is None or isinstance(result, LimitReached) for result in results)
    return results.count(None)


def test_caller_limits_let_in_as_many_as_there_are_with_few_queries(run) -> None:
    usage = Usage(25)
    assert run(begun(caller(usage, requests_per_minute=25), 100)) == 25
    assert len(usage.debts) == 3  # slices of 10, 10 and 5


def test_caller_limits_ask_no_more_once_all_is_gone_until_the_minute_ends(run, clock: list[float]) -> None:
    usage = Usage(10, seconds=30)
    limits = caller(usage, requests_per_minute=10)
    assert run(begun(limits, 20)) == 10
    queries = len(usage.debts)
    clock[0] += 29
    with pytest.raises(LimitReached, match="'ci' may use 10 requests a minute") as caught:
        run(limits.begin_request())
    assert caught.value.retry_after == 1.0
    assert len(usage.debts) == queries
    clock[0] += 1
    usage.left = 10
    assert run(begun(limits, 20)) == 10


def test_minute_limit_drops_what_is_left_of_a_minute_that_is_over(run, clock: list[float]) -> None:
    usage = Usage(100)
    limit = MinuteLimit(usage, "ci", "requests", 100)
    run(limit.check())
    limit.use(1)
    clock[0] += 60
    run(limit.check())
    assert usage.left == 80
    assert limit.remaining == 90


def test_minute_limit_tells_what_was_used_beyond(run, clock: list[float]) -> None:
    usage = Usage(100)
    limit = MinuteLimit(usage, "ci", "tokens", 100)

    async def spend() -> None:
        await limit.check()
        limit.use(250)
        await limit.settle()
        await limit.settle()  # nothing more to tell

    run(spend())
    assert usage.debts == [0, 240]
    assert limit.remaining == 0
    with pytest.raises(LimitReached):
        run(limit.check())


def test_caller_limits_count_for_themselves_while_the_database_is_away(run, clock: list[float]) -> None:
    usage = Usage(0, is_away=True)
    limits = caller(usage, requests_per_minute=7)
    assert run(begun(limits, 10)) == 7
    clock[0] += 60
    assert run(begun(limits, 10)) == 7


def test_caller_limits_tell_what_is_left(run, clock: list[float]) -> None:
    limits = caller(Usage(100, seconds=41.5), requests_per_minute=100)
    run(limits.begin_request())
    headers = dict(limits.headers())
    assert headers[b"ratelimit-policy"] == b'"requests";q=100;w=60'
    assert headers[b"ratelimit"] == b'"requests";r=99;t=42'
    assert headers[b"x-ratelimit-limit-requests"] == b"100"
    assert headers[b"x-ratelimit-reset-requests"] == b"42s"
    assert not caller(Usage(0))
