"""Room in a work queue: taken, refused, given back, and how long it takes to drain."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.exceptions import Overloaded
from app.engine import capacity
from app.engine.capacity import OVERLOAD_BEGINS_SECONDS, OVERLOAD_ENDS_SECONDS, WorkQueue
from app.http.error_responses import to_api_error


class Clock:
    """The time, as the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(capacity, "monotonic", lambda: self.now)


def test_work_queue_limits_texts_and_tokens_and_has_room_for_anything_when_empty() -> None:
    line = WorkQueue(max_running=2, max_waiting=0, max_tokens=10)
    with line.reserve(texts=5, tokens=100):
        pass
    with line.reserve(texts=1, tokens=6):
        with pytest.raises(Overloaded, match="6 tokens"):
            line.check_room(tokens=5)
        with line.reserve(texts=1, tokens=4), pytest.raises(Overloaded, match="2 texts"):
            line.check_room()
        line.check_room(tokens=4)
    assert (line.texts, line.tokens) == (0, 0)


def test_work_queue_drains_what_is_left_at_the_throughput_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    line = WorkQueue(max_running=3, max_waiting=0, max_tokens=1000)
    with line.reserve(texts=2):
        clock.now += 4.0
    clock.now += 1000.0  # idle time says nothing of the speed: 2 texts took 4 seconds
    with line.reserve(texts=3):
        assert line.seconds_to_drain == pytest.approx(6.0)
        with pytest.raises(Overloaded) as refused:
            line.check_room()
        assert to_api_error(refused.value).headers == {"retry-after": "6", "retry-after-ms": "6000"}


def test_work_queue_forgets_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    line = WorkQueue(max_running=2, max_waiting=0, max_tokens=10)
    for seconds in (1.0, 10.0):
        with line.reserve():
            clock.now += seconds
    # A text in 1 s, ten seconds ago, counts 1/e: 1 + 1/e texts in 10 + 1/e seconds.
    with line.reserve():
        assert line.seconds_to_drain == pytest.approx((10 + 1 / math.e) / (1 + 1 / math.e))


def test_work_queue_counts_what_fails_as_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    line = WorkQueue(max_running=2, max_waiting=0, max_tokens=1000)
    with suppress(ArithmeticError), line.reserve(tokens=100):
        clock.now += 1.0
        raise ArithmeticError
    assert (line.texts, line.tokens) == (0, 0)
    with line.reserve():
        clock.now += 1.0
    with line.reserve():
        assert line.seconds_to_drain == pytest.approx(1 + 1 / math.exp(0.1))


def test_overloaded_never_says_to_come_back_at_once_or_never() -> None:
    assert to_api_error(Overloaded("", 0.0)).headers == {"retry-after": "1", "retry-after-ms": "100"}
    assert to_api_error(Overloaded("", 1e9)).headers == {"retry-after": "120", "retry-after-ms": "120000"}


def test_work_queue_has_no_waiting_room_in_an_overload(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    line = WorkQueue(max_running=2, max_waiting=2, max_tokens=10)
    with line.reserve(texts=3):
        assert [line.has_room(), line.has_room(2)] == [True, False]  # the first refusal
        clock.now += OVERLOAD_BEGINS_SECONDS / 2
        assert [line.has_room(2), line.has_room()] == [False, True]
        clock.now += OVERLOAD_BEGINS_SECONDS
        assert [line.has_room(2), line.has_room()] == [False, False]
        clock.now += OVERLOAD_ENDS_SECONDS
        assert not line.has_room()  # which is another refusal, and so there is no end to it yet
        clock.now += OVERLOAD_ENDS_SECONDS * 1.01
        assert [line.has_room(), line.has_room(2)] == [True, False]  # the first again
    clock.now += OVERLOAD_BEGINS_SECONDS
    with line.reserve(), line.reserve():  # rows are there for everybody
        assert line.has_room(2)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9)), max_size=20), st.randoms())
def test_work_queue_passes_no_limit_and_all_room_comes_back(asked: list, numbers) -> None:
    with pytest.MonkeyPatch.context() as still:
        Clock(still)
        _take_and_give_back(asked, numbers)


def _take_and_give_back(asked: list, numbers) -> None:
    line, held = WorkQueue(max_running=4, max_waiting=2, max_tokens=20), []
    for texts, tokens in asked:
        place = line.reserve(texts, tokens)
        try:
            place.__enter__()
        except Overloaded:
            assert line.texts + texts > 6 or line.tokens + tokens > 20
            if held:
                held.pop(numbers.randrange(len(held))).__exit__(None, None, None)
        else:
            held.append(place)
        assert line.texts <= 6
        assert line.tokens <= 20
    for place in held:
        place.__exit__(None, None, None)
    assert (line.texts, line.tokens) == (0, 0)
