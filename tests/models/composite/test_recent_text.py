"""A cache that begins with a text is a cache that has read it, over a base that has not."""

from __future__ import annotations

import numpy as np
import pytest

from models.composite.cache import CacheModel
from models.composite.config import CacheConfig
from models.composite.recent_text import RecentTextModel
from models.state import State
from tests.helpers.toy import Bigram

BASE = Bigram.random(6, seed=3)
CONFIG = CacheConfig(window=5, weight=0.3, bigram_weight=0.2)
RECENT = np.array([1, 2, 3, 2, 4, 2, 3])


@pytest.mark.parametrize("begin", ["begin_state", "null_state"])
def test_recent_text_model_mixes_the_frequencies_of_the_text(begin: str) -> None:
    model, cache = RecentTextModel(CONFIG, BASE, RECENT), CacheModel(CONFIG, BASE)
    _, remembered = cache.advance(cache.begin_state(2), np.repeat(RECENT[None], 2, axis=0))
    expected: State = (getattr(BASE, begin)(2), remembered)
    state = getattr(model, begin)(2)
    assert np.array_equal(model.logprobs(state), cache.logprobs(expected))
    tokens = np.array([[2, 4], [3, 1]])
    scores, _ = model.score(state, tokens)
    assert np.array_equal(scores, cache.score(expected, tokens)[0])
    assert np.array_equal(model.initial_state(1, bos=begin == "begin_state")[1], remembered[:1])
