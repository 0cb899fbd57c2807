"""What long work tells while it runs: where it is, how fast it goes and what it has measured so far.

It knows numbers only. It does not know what is being worked on, and neither prints nor draws.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """One report of a generator that works for long; whoever drives the generator may stop it at any of them."""

    phase: str
    """What is being done, for a user to read: "counting", "training", "validating", ..."""
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
        """How much of the phase is done, 0 to 1; 0 when the steps are not known."""
        return min(1.0, self.step / self.steps) if self.steps else 0.0


def run_to_completion(work: Generator[object, None, Result]) -> Result:
    """What a generator returns, driven to its end without a pause."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def with_progress(steps: Generator[int, None, Result], phase: str = "evaluating") -> Generator[Progress, None, Result]:
    """What `steps` returns; the tokens that it yields are progress."""
    done = 0
    while True:
        try:
            done += next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        yield Progress(phase, done, 0)
