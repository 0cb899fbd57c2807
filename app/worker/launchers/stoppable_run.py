"""`StoppableRun`: a run that ends once, and is killed if it does not stop, wherever its process is."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod

from app.worker.run_protocol import Message


class StoppableRun(ABC):
    """Run whose process is asked to stop and killed after a time; a subclass knows where the process is."""

    def __init__(self) -> None:
        self._kill_at: float | None = None
        self._ended = False

    def poll(self, seconds: float) -> list[Message]:
        """Return the messages since the last call, waiting up to `seconds` for one. The end comes last, once."""
        if self._ended:
            return []
        if self._kill_at is not None:
            seconds = min(seconds, max(0.0, self._kill_at - time.monotonic()))
            if not seconds:
                self._kill()
        return self._receive(seconds)

    def stop(self, seconds: float) -> None:
        """Tell the work to save its state and stop; kill it after `seconds`."""
        if self._ended:
            return
        self._kill_at = time.monotonic() + seconds
        if seconds > 0:
            self._ask_to_stop()
        else:
            self._kill()

    @abstractmethod
    def _receive(self, seconds: float) -> list[Message]:
        """Return the messages that come within `seconds`, and note the end if it is among them."""

    @abstractmethod
    def _ask_to_stop(self) -> None:
        """Tell the work to save its state and stop."""

    @abstractmethod
    def _kill(self) -> None:
        """Kill the process, if it still runs."""
