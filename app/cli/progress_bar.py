"""Progress of long work on standard error: a bar redrawn in place, or a line now and then in a log."""

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
    """Progress bar that draws the latest report, at most 5 times per second (in a log every 10 s)."""

    def __init__(self, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._live = self._stream.isatty()
        self._pause = _SECONDS_ON_A_TERMINAL if self._live else _SECONDS_IN_A_LOG
        self._phase = ""
        self._shown_at = -self._pause

    def show(self, progress: Progress) -> None:
        """Draw the report if its phase is new or the last drawing is old enough."""
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
        """End the line."""
        if self._live and self._phase:
            print(file=self._stream, flush=True)
        self._phase = ""


def progress_line(progress: Progress) -> str:
    """Format a report as one line."""
    parts = [progress.phase]
    if progress.steps:
        done = round(_BAR_WIDTH * progress.fraction)
        parts.append(
            f"{progress.fraction:4.0%} {'#' * done}{'.' * (_BAR_WIDTH - done)} {progress.step}/{progress.steps}"
        )
    elif progress.step:
        parts.append(f"{progress.step:,} tokens")  # work of unknown length counts tokens
    return ", ".join([" ".join(parts), *_measurements(progress)])


def _measurements(progress: Progress) -> list[str]:
    texts = [f"epoch {progress.epoch:.2f}"] if progress.epoch else []
    texts += [form.format(progress.metrics[name]) for name, form in _METRICS.items() if name in progress.metrics]
    if progress.tokens_per_second is not None:
        texts.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.seconds_left is not None:
        minutes, seconds = divmod(round(progress.seconds_left), 60)
        texts.append(f"{minutes}:{seconds:02} left")
    return texts


def drive(work: Generator[Progress, None, Result], bar: ProgressBar) -> Result:
    """Run the work to its end, showing its progress; returns its result."""
    try:
        return run_to_completion(work, bar.show)
    finally:
        bar.close()
