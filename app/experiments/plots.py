"""Plots of findings as PNG files, drawn by matplotlib.

matplotlib is an optional dependency and imported only when a plot is drawn.
"""

from __future__ import annotations

import math
from pathlib import Path

from app.experiments.finding import Finding
from models.errors import InvalidInput

INCHES, DOTS_PER_INCH = (7.0, 4.5), 120


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
