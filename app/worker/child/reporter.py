"""`Reporter` of a job's work: progress now and then, metrics of a training completely."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

from app.worker.run_protocol import Measured, Message, Reported, Resumed
from models.utils.files import write_atomically
from models.utils.progress import Progress

SendMessage: TypeAlias = Callable[[Message], None]
REPORT_SECONDS = 0.2
"""Least time between two progress reports."""


class Reporter:
    """Sender of reports: progress now and then, metrics of a training completely.

    Metrics are appended to a file before the training goes on, so a saved state is never ahead of them.
    """

    def __init__(self, send: SendMessage, file: Path | None = None) -> None:
        self._send = send
        self._file = file
        self._last = -math.inf
        self._phase = ""
        self._resumed = False

    def report(self, progress: Progress) -> None:
        """Report progress and metrics."""
        if progress.phase == "training" and self._file is not None:
            self._measure(self._file, progress.step, {name: _finite_or_none(v) for name, v in progress.metrics.items()})
        if progress.phase != self._phase or time.monotonic() - self._last >= REPORT_SECONDS:
            self._phase, self._last = progress.phase, time.monotonic()
            self._send(Reported(_progress_fields(progress)))

    def finish(self) -> None:
        """Send the metrics of an earlier attempt that trained to the end, if this one measured nothing."""
        if self._file is not None and not self._resumed:
            for step, values in _read_metrics(self._file):
                self._send(Measured(step, values))

    def _measure(self, file: Path, step: int, values: dict[str, float | None]) -> None:
        if not self._resumed:
            self._resumed = True
            self._resume(file, step)
        with file.open("a") as lines:
            lines.write(json.dumps([step, values]) + "\n")
        self._send(Measured(step, values))

    def _resume(self, file: Path, step: int) -> None:
        """Keep the metrics of an earlier attempt before `step`, the first measured now; drop later ones."""
        self._send(Resumed(step - 1))
        earlier = [(number, values) for number, values in _read_metrics(file) if number < step]
        with write_atomically(file) as temporary:
            temporary.write_text("".join(json.dumps([number, values]) + "\n" for number, values in earlier))
        for number, values in earlier:
            self._send(Measured(number, values))


def _read_metrics(file: Path) -> list[tuple[int, dict[str, float | None]]]:
    """Read the metrics in the file; a last line without an end is ignored."""
    if not file.exists():
        return []
    lines = file.read_text().split("\n")[:-1]
    return [(step, values) for step, values in map(json.loads, lines)]


def _progress_fields(progress: Progress) -> dict[str, Any]:
    values = {field.name: getattr(progress, field.name) for field in fields(Progress)}
    metrics = {name: _finite_or_none(value) for name, value in progress.metrics.items()}
    return {**values, "fraction": progress.fraction, "metrics": metrics}


def _finite_or_none(value: float) -> float | None:
    """Return None for a number that JSON cannot hold."""
    return value if math.isfinite(value) else None
