"""Input and outcome of an experiment: token ids and budgets; rows of a table and curves of a plot.

`draw` plots a finding as PNG; matplotlib is an optional dependency and imported only then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from app.experiments.claim import Claim
from models.data.bptt_batches import TokenIds
from models.errors import InvalidInput
from models.language_model import LanguageModel
from models.tokenization.tokenizer import Tokenizer

INCHES, DOTS_PER_INCH = (7.0, 4.5), 120


class PublishedModel(NamedTuple):
    """A language model with the tokenizer that it was trained with."""

    model: LanguageModel
    tokenizer: Tokenizer


@dataclass(frozen=True)
class ExperimentInput:
    """Text of an experiment, and how much may be spent on each training."""

    train: TokenIds
    """Token ids to learn from."""
    valid: TokenIds
    """Token ids held out."""
    vocabulary: Sequence[str]
    size: int
    """Numbers in embeddings and hidden vectors, where nothing else is compared."""
    seconds: float
    """Of training for each family, where trainings take equal time."""
    steps: int
    """Of each training, where trainings make equally many steps."""
    seeds: int = 3
    """How often each training is repeated, with seeds 1, 2, ...: what they differ in is chance."""
    valid_text: str = ""
    """The held-out text itself, for models with a tokenizer of their own."""
    models: Mapping[str, PublishedModel] = field(default_factory=dict)
    """Published models to measure beside those trained here, by name."""

    @property
    def seed_numbers(self) -> range:
        """The seeds 1, 2, ..."""
        return range(1, self.seeds + 1)


@dataclass(frozen=True)
class Curve:
    """Points of one line in a plot."""

    label: str
    x: Sequence[float]
    y: Sequence[float | None]
    """None where a number is out of all bounds."""


@dataclass(frozen=True)
class Finding:
    """Outcome of an experiment."""

    name: str
    claims: Sequence[Claim]
    """What a course says, with what was measured and the verdict; none where no figure can refute it."""
    rows: list[dict[str, Any]]
    """A row of figures for each thing compared, JSON-ready; `x_spread` is the standard deviation of `x` over seeds."""
    curves: list[Curve]
    axes: tuple[str, str]
    logarithmic: bool = False
    """Whether the plot's vertical axis is."""
    ticks: Sequence[str] = ()
    """What stands at 0, 1, 2, ... of the horizontal axis, where that is not a number."""
    note: str = ""
    """What the figures show, where there is no claim to decide."""

    @property
    def heading(self) -> str:
        """The claims with their verdicts, a line each."""
        return "\n".join(f"{claim.text}: {claim.verdict}" for claim in self.claims) or self.note

    def as_json(self) -> Mapping[str, Any]:
        """Return all of it, JSON-ready."""
        return asdict(self) | {"claims": [claim.as_json() for claim in self.claims]}


def comparable_perplexity(perplexity: float | None) -> float:
    """Return a perplexity that can be compared: None, which is out of all bounds, becomes infinity."""
    return math.inf if perplexity is None else perplexity


def log_ratio(perplexity: float | None, other: float | None) -> float:
    """Return log(other / perplexity) in nats; not a number where both are out of bounds."""
    return math.log(comparable_perplexity(other)) - math.log(comparable_perplexity(perplexity))


def check_matplotlib() -> None:
    """Raise InvalidInput where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise InvalidInput("plots", "needs matplotlib: pip install 'nextword[plots]', or --no-plots") from None


def draw(finding: Finding, path: Path) -> None:
    """Write the finding's curves to `path` as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    for curve in finding.curves:
        axes.plot(curve.x, [math.nan if y is None else y for y in curve.y], label=curve.label, marker=".", markersize=4)
    if finding.logarithmic:
        axes.set_yscale("log")
    if finding.ticks:
        axes.set_xticks(range(len(finding.ticks)), finding.ticks, rotation=90, fontsize="small")
    axes.set_xlabel(finding.axes[0])
    axes.set_ylabel(finding.axes[1])
    axes.set_title(finding.heading, fontsize="small", wrap=True)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    FigureCanvasAgg(figure)
    figure.savefig(path)
