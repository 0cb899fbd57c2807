"""How the server goes down: nothing new is let in, what runs may finish, and a second signal ends it at once.

It keeps listening meanwhile, so that whoever asks is told to go elsewhere, and a load balancer sees it is not ready.
It knows uvicorn's loop and the reception; how a request is ended, its ticket knows.
"""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType

import uvicorn

from app.middleware.reception import Reception

GRACE_SECONDS = 2.0
"""What it takes, after the last moment of the last request, to tell clients so and to close connections."""


class GracefulServer(uvicorn.Server):
    """Ends with status 0 at SIGINT or SIGTERM, having finished what could be; at once when one comes again."""

    def __init__(
        self, config: uvicorn.Config, reception: Reception, seconds: float, followers: threading.Event
    ) -> None:
        """Requests have so many `seconds` to finish; `followers` tells those who follow a job."""
        super().__init__(config)
        config.timeout_graceful_shutdown = int(GRACE_SECONDS)
        self._reception = reception
        self._seconds = seconds
        self._followers = followers
        self._signals: set[int] = set()
        self._end = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn."""
        del frame
        if sig in self._signals:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self._signals.add(sig)

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn: ten times a second, whether to end."""
        if self._signals and not self._reception.stopping:
            self._followers.set()
            self._reception.stop()
            self._end = time.monotonic() + self._seconds + GRACE_SECONDS
        done = self._reception.stopping and (not self._reception or time.monotonic() > self._end)
        return await super().on_tick(counter) or done
