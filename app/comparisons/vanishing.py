"""Vanishing gradients: how much of the gradient reaches a token k steps back, in each family.

It knows which networks and how they were trained. The gradient itself is `models.reach`'s.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch

from app.comparisons.course import Course
from app.comparisons.families import HOW, same_size
from app.comparisons.finding import Curve, Finding, Setting
from models.progress import Progress
from models.reach import reach

DISTANCE, ROWS = 100, 32


def run(setting: Setting) -> Generator[Progress, None, Finding]:
    """Train each family a little, then follow the gradient of a prediction back through the held-out text."""
    curves, rows = [], []
    for config in same_size(setting.size, len(setting.vocabulary)):
        course = Course(setting, config, HOW)
        yield from course.run(f"training {config.kind}", setting.steps)
        norms = reach(course.trainer.network, _texts(setting))
        curves.append(Curve(config.kind, list(range(len(norms))), norms))
        shares = {f"share_{k}": norms[k] / norms[0] for k in (1, 10, 50, 100) if k < len(norms)}
        rows.append({"kind": config.kind, **shares})
    return Finding(
        "vanishing",
        "the gradient that reaches a token falls off with its distance, fastest in plain recurrent networks",
        rows,
        curves,
        ("tokens back", "norm of the gradient"),
        logarithmic=True,
    )


def _texts(setting: Setting) -> torch.Tensor:
    """Rows [B, T] of the held-out text, long enough to follow a gradient back, as many as there are."""
    length = min(DISTANCE + 2, len(setting.valid))
    starts = np.linspace(0, len(setting.valid) - length, ROWS).astype(int)
    return torch.from_numpy(np.stack([setting.valid[at : at + length] for at in starts]).astype(np.int64))
