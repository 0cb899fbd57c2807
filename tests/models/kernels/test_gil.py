"""The GIL: other threads yield as long as the registered compute thread wants it, and it yields too."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from models.kernels import gil
from models.neural.config import RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.model import weight_shapes


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
MODEL = Int8Model(CONFIG, {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(CONFIG, 5).items()}, 5)


def compute() -> None:
    assert np.exp(MODEL.logprobs(MODEL.begin_state(2))).sum(1).tolist() == pytest.approx([1, 1])


def in_a_thread(*functions: Callable[[], None]) -> None:
    """Call functions one after the other in a thread that ends then."""
    thread = threading.Thread(target=lambda: [function() for function in functions])
    thread.start()
    thread.join()


def test_gil_request_is_set_by_a_compiled_call_and_cleared_when_idle(naps):
    def twice() -> None:
        in_a_thread(gil.yield_to_compute_thread, gil.yield_to_compute_thread)

    in_a_thread(gil.register_compute_thread, twice, compute, twice, compute, twice, gil.before_release, twice)
    assert len(naps) == 4
    assert all(0 < seconds < 1e-3 for seconds in naps)


def test_gil_request_is_ignored_from_a_thread_that_is_not_registered(naps):
    in_a_thread(compute, gil.yield_to_compute_thread)
    assert naps == []


def test_gil_request_is_not_cleared_by_a_thread_that_is_not_registered(naps):
    in_a_thread(
        gil.register_compute_thread, compute, lambda: in_a_thread(gil.before_release), gil.yield_to_compute_thread
    )
    assert len(naps) == 1
    in_a_thread(gil.register_compute_thread, gil.before_release)


def test_gil_is_yielded_periodically_unless_a_call_was_long_enough_to_take_it(naps, clock):
    def after(seconds: float) -> Callable[[], None]:
        return lambda: clock.__setitem__(0, clock[0] + seconds)

    share, leave, back = gil.yield_periodically, gil.before_release, gil.after_acquire
    in_a_thread(gil.register_compute_thread, after(1e-3), share)
    assert naps == []
    in_a_thread(gil.register_compute_thread, after(3e-3), leave, after(1e-3), back, after(1e-3), share)
    assert naps == []
    in_a_thread(gil.register_compute_thread, after(3e-3), leave, after(1e-5), back, share, share)
    assert len(naps) == 1
    assert 0 < naps[0] < 1e-3
