"""Threads that last as long as a block."""

from __future__ import annotations

import pytest

from app.core.background_thread import BackgroundThread


class Ticking(BackgroundThread):
    ticks = 0

    def _run(self) -> None:
        while not self._ended.wait(0.001):
            self.ticks += 1


@pytest.mark.parametrize("fails", [False, True])
def test_background_thread_ends_with_its_block(fails: bool) -> None:
    thread = Ticking()
    try:
        with thread:
            while thread.ticks < 3:
                pass
            if fails:
                raise ValueError("the block ends early")
    except ValueError:
        pass
    assert not thread._thread.is_alive()
    thread._end()
