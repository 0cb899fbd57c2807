"""Plot of curves over the number of clients, as SVG: panels side by side, both axes logarithmic."""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 300, 60, 40, 30
ROOM = 1.7
"""So much is left below the lowest number, for a curve's name."""
COLOURS = ("#c0392b", "#2471a3", "#7d8a2e")
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """Curves [(x, y), ...] by name, every number above 0."""

    title: str
    curves: dict[str, Points]


def picture(panels: list[Panel]) -> str:
    """Return the SVG; on a white ground, since pages may be dark."""
    width = len(panels) * WIDTH
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" font-family="sans-serif" '
    parts = [head + 'font-size="12">', f'<rect width="{width}" height="{HEIGHT}" fill="white"/>']
    for i, panel in enumerate(panels):
        parts += [f'<g transform="translate({i * WIDTH} 0)">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: Panel) -> list[str]:
    points = [point for curve in panel.curves.values() for point in curve]
    across = _Axis([x for x, _ in points], 2, LEFT, WIDTH - 20)
    least = min(y for _, y in points) / ROOM
    up = _Axis([least, *(y for _, y in points)], 10, HEIGHT - BOTTOM, TOP)
    parts = [f'<text x="{LEFT}" y="18" font-weight="bold">{panel.title}</text>']
    parts += [f'<text x="{across(x):.1f}" y="{HEIGHT - 22}" text-anchor="middle">{x:g}</text>' for x in across.ticks()]
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">clients</text>')
    for y in up.ticks():
        parts.append(f'<path d="M{LEFT} {up(y):.1f}H{WIDTH - 20}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{up(y) + 4:.1f}" text-anchor="end">{y:,g}</text>')
    for i, (name, curve) in enumerate(panel.curves.items()):
        line = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in curve)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{COLOURS[i]}" stroke-width="2"/>')
        parts += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{COLOURS[i]}"/>' for x, y in curve]
        x, y = curve[0]  # rates and times rise with the number of clients: below where they begin there is room
        parts.append(f'<text x="{across(x) + 8:.1f}" y="{up(y) + 17:.1f}" fill="{COLOURS[i]}">{name}</text>')
    return parts


class _Axis:
    """Places of numbers along a line whose ends are powers of `base`."""

    def __init__(self, numbers: list[float], base: int, begin: float, end: float) -> None:
        self._base, self._begin, self._end = base, begin, end
        self._low = math.floor(math.log(min(numbers), base) + 1e-9)
        self._high = max(math.ceil(math.log(max(numbers), base) - 1e-9), self._low + 1)

    def __call__(self, number: float) -> float:
        share = (math.log(number, self._base) - self._low) / (self._high - self._low)
        return self._begin + share * (self._end - self._begin)

    def ticks(self) -> list[float]:
        return [float(self._base**power) for power in range(self._low, self._high + 1)]
