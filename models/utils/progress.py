"""Progress of long work, written as generators: `Progress`, and functions that drive such work."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """Report of a generator that works for long; its driver may stop it after any report."""

    phase: str
    """Name of what is being done, for a user to read: "counting", "training", "validating", ..."""
    step: int
    """Units of work done in this phase."""
    steps: int
    """Units of work in this phase; 0 when that is not known."""
    epoch: float = 0.0
    """Passes made over the training text, fractions included."""
    tokens_per_second: float | None = None
    """Tokens worked through per second of this run."""
    seconds_left: float | None = None
    """Estimated seconds to the end of this phase."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Measured so far, by name: "loss" (nats a token), "perplexity", "gradient_norm", ..."""

    @property
    def fraction(self) -> float:
        """Share of the phase that is done, 0 to 1; 0 when the steps are not known."""
        return min(1.0, self.step / self.steps) if self.steps else 0.0


def run_to_completion(work: Generator[Item, None, Result], report: Callable[[Item], object] | None = None) -> Result:
    """Drive `work` to its end and return its result; `report` is called with each item that it yields.

    What `report` raises ends the work: `work` is closed, and the error goes on to the caller.
    """
    while True:
        try:
            item = next(work)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        if report is not None:
            report(item)


def with_progress(work: Generator[int, None, Result], phase: str = "evaluating") -> Generator[Progress, None, Result]:
    """Run `work`, yielding `Progress` for each number of tokens that it yields; return its result."""
    done = 0
    while True:
        try:
            done += next(work)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        yield Progress(phase, done, 0)
