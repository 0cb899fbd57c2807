"""Rules: limits, percentiles as NumPy has them, head, middle and tail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.selection.config import SelectionConfig
from models.selection.rules import DROPPED, fit_rule, make_rule, percentile

ONE_GROUP = np.zeros(5, np.int32)


def decisions(config: SelectionConfig, values: list[float]) -> list[int]:
    figures, groups = np.array(values), np.zeros(len(values), np.int32)
    rule = make_rule(config) or fit_rule(config, figures, groups, [""])
    return rule.decide(figures, groups, [""]).tolist()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max": 2.0}, [0, 0, -1, -1, -1]),
        ({"min": 2.0}, [-1, 0, 0, 0, -1]),
        ({"min": 2.0, "max": 3.0}, [-1, 0, 0, -1, -1]),
        ({"cutoffs": {"*": [2.0, 3.0]}}, [0, 1, 2, 2, -1]),
        ({"cutoffs": {"*": [2.0, 3.0]}, "keep": ["tail"]}, [-1, -1, 2, 2, -1]),
        ({"cutoffs": {"de": [2.0, 3.0]}}, [-1] * 5),
    ],
)
def test_rule_decides_by_its_limits(fields: dict[str, Any], expected: list[int]) -> None:
    assert decisions(SelectionConfig(**fields), [1.0, 2.0, 3.0, np.inf, np.nan]) == expected


@given(values=st.lists(st.floats(0, 100), min_size=1, max_size=30), percentage=st.floats(0.5, 99.5))
def test_fit_rule_has_the_percentiles_of_numpy(values: list[float], percentage: float) -> None:
    lowest = decisions(SelectionConfig(lowest=percentage), values)
    assert lowest == np.where(values <= np.percentile(values, percentage), 0, DROPPED).tolist()
    highest = decisions(SelectionConfig(highest=percentage), values)
    assert highest == np.where(values >= np.percentile(values, 100 - percentage), 0, DROPPED).tolist()


def test_fit_rule_judges_each_label_by_itself() -> None:
    figures, groups = np.array([1.0, 2.0, 10.0, 20.0, np.nan]), np.array([0, 0, 1, 1, 1], np.int32)
    rule = fit_rule(SelectionConfig(lowest=50), figures, groups, ["en", "de"])
    assert rule.limits == {"en": (-np.inf, 1.5), "de": (-np.inf, 15.0)}
    assert rule.decide(figures, groups, ["en", "de"]).tolist() == [0, -1, 0, -1, -1]
    assert rule.content() == {"en": [None, 1.5], "de": [None, 15.0]}


def test_percentile_of_impossible_records_is_infinite() -> None:
    assert percentile(np.array([1.0, np.inf, np.inf]), 90) == np.inf


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"min": 1.0, "lowest": 3.0}, "lowest"),
        ({"min": 2.0, "max": 1.0}, "min"),
        ({"max": float("nan")}, "max"),
        ({"lowest": 100.0}, "lowest"),
        ({"percentiles": (60, 30)}, "percentiles"),
        ({"percentiles": (30,)}, "percentiles"),
        ({"cutoffs": {"en": (1.0,)}}, "cutoffs"),
        ({"keep": ("head",)}, "keep"),
        ({"cutoffs": {"en": (1.0, 2.0)}, "keep": ("heads",)}, "keep"),
        ({"figure": "loss"}, "figure"),
        ({"format": "csv"}, "format"),
        ({"text_field": ""}, "text_field"),
    ],
)
def test_selection_config_names_what_is_wrong(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SelectionConfig(**fields)
    assert caught.value.field == field
