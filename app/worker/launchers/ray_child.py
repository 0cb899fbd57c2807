"""`RayChild`: a process of a Ray cluster that does one job's work.

It is an actor, not a task: a task can be cancelled, but not asked to save its state. Whatever the process is, the work
and its messages are those of `child.main`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator

from app.worker.run_protocol import End, JsonObject, Message, message_to_json, run_spec_from_json

REPORT_SECONDS = 1.0
"""Longest time between two reports: the processor time is told though there is no message."""
GATHER_SECONDS = 0.05
"""Time in which messages are gathered into one report."""


class RayChild:
    """Process that does the work of one RunSpec; `run` and `stop` are called in threads of their own."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def run(self, spec: JsonObject, niceness: int) -> Iterator[JsonObject]:
        """Do the work; yield reports of its messages and of the processor time so far, in seconds."""
        # Here, as the worker knows this class, too, and has no use for all that does the work.
        from app.core.logs.setup import log_to_stderr
        from app.worker.child.main import lower_priority, run_to_end

        run_spec = run_spec_from_json(spec)
        log_to_stderr(run_spec.log_level, run_spec.log_format)
        lower_priority(niceness)
        messages: queue.SimpleQueue[Message] = queue.SimpleQueue()

        def work() -> None:
            messages.put(run_to_end(run_spec, messages.put, self._stop))

        threading.Thread(target=work, name="job", daemon=True).start()
        has_ended = False
        while not has_ended:
            gathered = _gather(messages)
            has_ended = bool(gathered) and isinstance(gathered[-1], End)
            yield {"messages": [message_to_json(each) for each in gathered], "processor_seconds": time.process_time()}

    def stop(self) -> None:
        """Tell the work to save its state and stop."""
        self._stop.set()


def _gather(messages: queue.SimpleQueue[Message]) -> list[Message]:
    """Return the messages of a short time from the first one on, up to the end if that is among them."""
    gathered: list[Message] = []
    deadline = time.monotonic() + REPORT_SECONDS
    while not (gathered and isinstance(gathered[-1], End)):
        try:
            gathered.append(messages.get(timeout=max(0.0, deadline - time.monotonic())))
        except queue.Empty:
            break
        deadline = min(deadline, time.monotonic() + GATHER_SECONDS)
    return gathered
