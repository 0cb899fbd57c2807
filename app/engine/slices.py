"""How long slices take: how many tokens of a model make one of so many milliseconds, learnt from those before.

It knows clocks and tokens. It does not know what a slice does, nor who waits for it to end.
"""

from __future__ import annotations

import time

from models.language_model import LanguageModel

BUSY_SECONDS = 0.004
"""Of a slice while texts are running: they wait for one that reads prompts and one of long work before each token."""
IDLE_SECONDS = 0.05
"""Of a slice while none is."""
_FIRST = 8
"""Tokens of the first slice, before anything is known."""
_MOST = 4096
"""Tokens of the largest slice, for the sake of memory."""


class Slices:
    """Those of one model, if it belongs to one thread; those of quick models, which are shared, stay as they are."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._speed = 0.0
        self._begun = 0.0

    def begin(self, seconds: float) -> None:
        """The model's next slice should take so long."""
        if not self._model.quick:
            tokens = int(self._speed * seconds) if self._speed else _FIRST
            self._model.slice_tokens = min(max(tokens, 1), _MOST)
        self._begun = time.perf_counter()

    def end(self, tokens: object) -> None:
        """It held so many tokens; what is no number or 0 tells nothing."""
        if isinstance(tokens, int) and tokens > 0:
            speed = tokens / (time.perf_counter() - self._begun)
            self._speed = (self._speed + speed) / 2 if self._speed else speed
