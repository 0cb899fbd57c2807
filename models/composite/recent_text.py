"""A cache that begins with a text: recent words of a user, sent with a question and not kept."""

from __future__ import annotations

import numpy as np

from models.composite.cache import CacheModel
from models.composite.config import CacheConfig
from models.composite.token_window import empty_window, mask_leading_eos, slide_window
from models.language_model import LanguageModel
from models.model import TokenIds
from models.state import State


class RecentTextModel(CacheModel):
    """A cache over `base` which has read `recent` before anything else; the base has not.

    >>> from models.ngram.model import NgramModel
    >>> from models.ngram.config import NgramConfig
    >>> from models.ngram.smoothing.estimator import estimate_from_tokens
    >>> config = NgramConfig(order=2, smoothing="witten_bell")
    >>> base = NgramModel(config, estimate_from_tokens(config, np.array([2, 3, 1, 2, 3, 1, 2, 4, 1]), 5))
    >>> model = RecentTextModel(CacheConfig(window=8, weight=0.5), base, np.array([4, 4, 4, 3]))
    >>> cached, plain = (np.exp(m.logprobs(m.begin_state(1)))[0] for m in (model, base))
    >>> (cached - plain / 2).round(3).tolist()[2:]
    [0.0, 0.125, 0.375]
    """

    def __init__(self, config: CacheConfig, base: LanguageModel, recent: TokenIds) -> None:
        """Remember the last of the tokens `recent` [T], as many as the window holds."""
        super().__init__(config, base)
        window, tokens = empty_window(1, config.window), np.asarray(recent, np.int64)[None]
        self._recent = slide_window(window, mask_leading_eos(window, tokens), None)

    def begin_state(self, rows: int) -> State:
        """Return the base's begin state, with the recent tokens remembered."""
        return self.base.begin_state(rows), np.repeat(self._recent, rows, axis=0)

    def null_state(self, rows: int) -> State:
        """Return the base's null state, with the recent tokens remembered."""
        return self.base.null_state(rows), np.repeat(self._recent, rows, axis=0)

    def initial_state(self, rows: int, *, bos: bool) -> State:
        """Return the base's initial state, with the recent tokens remembered."""
        return self.base.initial_state(rows, bos=bos), np.repeat(self._recent, rows, axis=0)
