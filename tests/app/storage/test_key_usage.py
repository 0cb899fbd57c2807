"""Slices of a key's limits: no more is given out than the limit, by whomever and however many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.storage import key_usage
from app.storage.database import Database
from app.storage.key_usage import KeyUsage, Slice


@pytest.fixture(autouse=True)
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window of a day, so that none ends in the middle of a test (but at midnight)."""
    monkeypatch.setattr(key_usage, "WINDOW_SECONDS", 86400)


def granted(part: Slice) -> tuple[int, int]:
    return part.granted, part.remaining


def test_take_gives_an_eighth_of_what_is_left_and_at_least_one(database: Database) -> None:
    usage = KeyUsage(database)
    # 80/8 = 10, then 70//8 = 8.
    assert granted(usage.take("a", "requests", 80, 0)) == (10, 70)
    assert granted(usage.take("a", "requests", 80, 0)) == (8, 62)
    assert granted(usage.take("b", "requests", 2, 0)) == (1, 1)
    assert granted(usage.take("b", "requests", 2, 0)) == (1, 0)
    assert granted(usage.take("b", "requests", 2, 0)) == (0, 0)
    assert granted(usage.take("b", "tokens", 2, 0)) == (1, 1)


def test_take_never_gives_out_more_than_the_limit_to_all_together(database: Database) -> None:
    def take_all(usage: KeyUsage) -> int:
        total = 0
        while (part := usage.take("a", "requests", 100, 0)).granted:
            total += part.granted
        return total

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(take_all, [KeyUsage(database) for _ in range(4)])) == 100


def test_take_counts_what_was_used_without_having_been_taken(database: Database) -> None:
    usage = KeyUsage(database)
    assert granted(usage.take("a", "tokens", 100, 250)) == (0, -150)
    assert granted(usage.take("a", "tokens", 100, 0)) == (0, -150)


def test_take_begins_anew_with_each_minute_less_what_was_too_much(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = KeyUsage(database)
    usage.take("a", "tokens", 100, 250)
    usage.take("b", "tokens", 100, 90)

    def later(minutes: int) -> None:
        with database.write() as connection:
            connection.execute(key_usage.update(key_usage.API_KEY_USAGE).values(minute=_minute(database) - minutes))

    later(1)  # of 250, 100 were of the minute before, and 150 are more than this one has
    assert granted(usage.take("a", "tokens", 100, 0)) == (0, -50)
    assert granted(usage.take("b", "tokens", 100, 0)) == (12, 88)
    later(1)
    assert granted(usage.take("a", "tokens", 100, 0)) == (50 // 8, 100 - 50 - 50 // 8)


def test_take_gives_again_after_the_clock_was_set_back(database: Database) -> None:
    usage = KeyUsage(database)
    usage.take("a", "requests", 1, 0)
    with database.write() as connection:
        connection.execute(key_usage.update(key_usage.API_KEY_USAGE).values(minute=_minute(database) + 10))
    assert granted(usage.take("a", "requests", 1, 0)) == (1, 0)


def _minute(database: Database) -> int:
    with database.read() as connection:
        now = connection.execute(key_usage.select(key_usage.Epoch())).scalar_one()
    return int(now // key_usage.WINDOW_SECONDS)
