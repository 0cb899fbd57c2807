"""Progress of long work on standard error: a line redrawn in place, or in a log a line now and then.

It knows how to show a `Progress`. It does not know what the work is.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Generator
from typing import TextIO, TypeVar

from models.utils.progress import Progress, run_to_completion

Result = TypeVar("Result")

_METRICS = {"loss": "loss {:.3f}", "perplexity": "perplexity {:.1f}", "validation_perplexity": "validation {:.1f}"}
_BAR_WIDTH = 20
_SECONDS_ON_A_TERMINAL, _SECONDS_IN_A_LOG = 0.2, 10.0


class ProgressBar:
    """Shows the latest report, but not more often than can be read."""

    def __init__(self, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._live = self._stream.isatty()
        self._pause = _SECONDS_ON_A_TERMINAL if self._live else _SECONDS_IN_A_LOG
        self._phase = ""
        self._shown_at = -self._pause

    def show(self, progress: Progress) -> None:
        """Draw the report if it is of a new phase or the last drawing is old enough."""
        new = progress.phase != self._phase
        if self._quiet or not (new or time.monotonic() - self._shown_at >= self._pause):
            return
        if new and self._phase:
            self.close()
        self._phase, self._shown_at = progress.phase, time.monotonic()
        text = progress_line(progress)
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            text = f"\r{text[:width].ljust(width)}"
        print(text, end="" if self._live else "\n", file=self._stream, flush=True)

    def close(self) -> None:
        """Leave the line as it stands."""
        if self._live and self._phase:
            print(file=self._stream, flush=True)
        self._phase = ""


def progress_line(progress: Progress) -> str:
    """Everything there is to tell, in one line."""
    told = [progress.phase]
    if progress.steps:
        done = round(_BAR_WIDTH * progress.fraction)
        told.append(
            f"{progress.fraction:4.0%} {'#' * done}{'.' * (_BAR_WIDTH - done)} {progress.step}/{progress.steps}"
        )
    elif progress.step:
        told.append(f"{progress.step:,}")
    return ", ".join([" ".join(told), *_measurements(progress)])


def _measurements(progress: Progress) -> list[str]:
    told = [f"epoch {progress.epoch:.2f}"] if progress.epoch else []
    told += [form.format(progress.metrics[name]) for name, form in _METRICS.items() if name in progress.metrics]
    if progress.tokens_per_second is not None:
        told.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.seconds_left is not None:
        minutes, seconds = divmod(round(progress.seconds_left), 60)
        told.append(f"{minutes}:{seconds:02} left")
    return told


def drive(work: Generator[Progress, None, Result], display: ProgressBar) -> Result:
    """Run the work to its end, showing how far it is; what it returns."""
    try:
        return run_to_completion(work, display.show)
    finally:
        display.close()
