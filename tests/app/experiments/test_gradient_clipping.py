"""Clipping: only trainings that explode can be saved."""

from types import SimpleNamespace
from typing import Any

from app.experiments.gradient_clipping import _claims


def trainings(*diverged: bool) -> list[Any]:
    return [SimpleNamespace(diverged=outcome) for outcome in diverged]


def test_clipping_is_judged_by_the_trainings_that_explode() -> None:
    explodes, saves = _claims(trainings(True, False, True), trainings(False, True, False))
    assert explodes.verdict == "not decided"
    assert saves.verdict == "holds"
    assert saves.values == (1.0, 1.0)


def test_clipping_decides_nothing_where_nothing_explodes() -> None:
    (explodes,) = _claims(trainings(False, False), trainings(False, False))
    assert explodes.verdict == "does not hold"
