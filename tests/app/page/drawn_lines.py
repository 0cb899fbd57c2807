"""Numbers read back from the picture of a line chart, by the values that stand at its axes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from playwright.sync_api import Locator

Line = list[tuple[float, float]]


def drawn_lines(chart: Locator) -> dict[str, Line]:
    """Read the points of each line, by its name in the legend, with the ticks of linear axes as a ruler."""
    across = _scale(chart.locator(".chart-x"), "x", 0)
    upwards = _scale(chart.locator(".chart-y"), "y", -4)  # a number stands four pixels below its grid line
    names = chart.locator(".chart-legend li").all_inner_texts()
    paths = [line.get_attribute("d") or "" for line in chart.locator(".chart-plot .chart-line").all()]
    return {
        name.strip(): [(across(float(x)), upwards(float(y))) for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", path)]
        for name, path in zip(names, paths, strict=True)
    }


def off_the_line(line: Line, points: Line) -> float:
    """Largest vertical distance of points from a line, as a share of the height that the points have."""
    lowest, highest = min(y for _, y in points), max(y for _, y in points)
    return max(abs(_height(line, x) - y) for x, y in points) / ((highest - lowest) or 1)


def _height(line: Line, x: float) -> float:
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        if x0 <= x <= x1:
            return y0 + (y1 - y0) * ((x - x0) / (x1 - x0) if x1 > x0 else 0)
    return min(line, key=lambda point: abs(point[0] - x))[1]


def _scale(ticks: Locator, attribute: str, offset: float) -> Callable[[float], float]:
    marks = [(float(t.get_attribute(attribute)) + offset, _number(t.text_content())) for t in (ticks.first, ticks.last)]
    (from_pixel, from_value), (to_pixel, to_value) = marks
    return lambda pixel: from_value + (pixel - from_pixel) / (to_pixel - from_pixel) * (to_value - from_value)


def _number(text: str | None) -> float:
    powers = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    return float((text or "").replace(",", "").translate(powers).replace(" · 10", "e"))
