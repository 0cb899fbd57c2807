"""Whoever else runs Python makes way exactly as long as a thread that computes, and claimed it, wants to go on.

And that thread lets others have the lock, however short its calls are.
"""

import threading
import time
from collections.abc import Callable

import pytest
import torch

from models.kernels import gil
from models.neural.int8.model import Int8Model
from models.neural.model import RecurrentConfig
from models.neural.network import Network


@pytest.fixture
def naps(monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


CONFIG = RecurrentConfig("gru", layers=1, embedding_size=4, hidden_size=4)
MODEL = Int8Model(
    CONFIG, {name: torch.zeros_like(tensor) for name, tensor in Network(CONFIG, 5).state_dict().items()}, 5
)


def compute() -> None:
    assert MODEL.logprobs(MODEL.begin_state(2)).exp().sum(1).tolist() == pytest.approx([1, 1])


def elsewhere(*acts: Callable[[], None]) -> None:
    """Act one after the other in a thread that ends then."""
    thread = threading.Thread(target=lambda: [act() for act in acts])
    thread.start()
    thread.join()


def test_way_is_given_after_a_compiled_call_and_until_there_is_nothing_more_to_do(naps):
    def twice() -> None:
        elsewhere(gil.yield_to_compute_thread, gil.yield_to_compute_thread)

    elsewhere(gil.register_compute_thread, twice, compute, twice, compute, twice, gil.before_release, twice)
    assert len(naps) == 4
    assert all(0 < seconds < 1e-3 for seconds in naps)


def test_nobody_makes_way_for_one_who_has_not_claimed_it(naps):
    elsewhere(compute, gil.yield_to_compute_thread)
    assert naps == []


def test_who_has_not_claimed_it_renounces_nothing(naps):
    elsewhere(gil.register_compute_thread, compute, lambda: elsewhere(gil.before_release), gil.yield_to_compute_thread)
    assert len(naps) == 1
    elsewhere(gil.register_compute_thread, gil.before_release)


def test_the_lock_is_shared_unless_a_call_was_long_enough_to_have_it(naps, clock):
    def after(seconds: float) -> Callable[[], None]:
        return lambda: clock.__setitem__(0, clock[0] + seconds)

    share, leave, back = gil.yield_periodically, gil.before_release, gil.after_acquire
    elsewhere(gil.register_compute_thread, after(1e-3), share)
    assert naps == []
    elsewhere(gil.register_compute_thread, after(3e-3), leave, after(1e-3), back, after(1e-3), share)
    assert naps == []
    elsewhere(gil.register_compute_thread, after(3e-3), leave, after(1e-5), back, share, share)
    assert len(naps) == 1
    assert 0 < naps[0] < 1e-3
