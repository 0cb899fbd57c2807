"""What an experiment is given and what it leaves: ids of a text, and then rows for a table and curves for a plot.

It knows neither what is compared nor how a plot is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from models.data.bptt_batches import TokenIds


@dataclass(frozen=True)
class ExperimentInput:
    """The text, and how much may be spent on each training."""

    train: TokenIds
    """Token ids to learn from."""
    valid: TokenIds
    """Token ids held out."""
    vocabulary: Sequence[str]
    size: int
    """Numbers in embeddings and hidden vectors, where nothing else is compared."""
    seconds: float
    """Of training for each family, where time is what is equal."""
    steps: int
    """Of each training, where steps are."""


@dataclass(frozen=True)
class Curve:
    """Points of one line in a plot."""

    label: str
    x: Sequence[float]
    y: Sequence[float | None]
    """None where a number has gone out of all bounds."""


@dataclass(frozen=True)
class Finding:
    """The outcome of an experiment."""

    name: str
    claim: str
    """What a course says, in a sentence."""
    held: bool | None
    """Whether the figures of this run bear it out; None where it says nothing of figures."""
    rows: list[dict[str, Any]]
    """A row of figures for each thing compared, JSON-ready."""
    curves: list[Curve]
    axes: tuple[str, str]
    logarithmic: bool = False
    """Whether the plot's vertical axis is."""
    ticks: Sequence[str] = ()
    """What stands at 0, 1, 2, ... of the horizontal axis, where that is not a number."""

    @property
    def heading(self) -> str:
        """The claim, and whether it held."""
        return self.claim + {True: ": so it was here", False: ": not so here", None: ""}[self.held]

    def as_json(self) -> Mapping[str, Any]:
        """All of it, JSON-ready."""
        return asdict(self)


def comparable_perplexity(perplexity: float | None) -> float:
    """A perplexity to be compared with others; None, out of all bounds, is the worst."""
    return math.inf if perplexity is None else perplexity


def is_lower(better: float | None, worse: float | None) -> bool:
    """Whether one perplexity is lower than another."""
    return comparable_perplexity(better) < comparable_perplexity(worse)
