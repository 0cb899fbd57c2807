"""Whoever else runs Python makes way exactly as long as a thread that computes wants to go on."""

import time

import numpy as np
import pytest
import torch

from models import right_of_way
from models.int8 import Matrix


@pytest.fixture
def naps(monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    right_of_way.renounce()
    yield slept
    right_of_way.renounce()


def test_way_is_given_after_a_compiled_call_and_until_there_is_nothing_more_to_do(naps):
    right_of_way.give_way()
    assert naps == []
    matrix = Matrix(torch.eye(4), torch.zeros(4))
    assert np.allclose(matrix.times(torch.ones(1, 4)), 1, atol=0.02)
    right_of_way.give_way()
    right_of_way.give_way()
    assert len(naps) == 2
    assert all(0 < seconds < 1e-3 for seconds in naps)
    right_of_way.renounce()
    right_of_way.give_way()
    assert len(naps) == 2
