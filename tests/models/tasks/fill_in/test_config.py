"""Configurations of fill-in models refuse what is not accepted."""

from __future__ import annotations

import math
from typing import Any

import pytest

from models.errors import InvalidInput
from models.tasks.fill_in.config import FillInConfig, LanguageModelPairConfig
from models.tasks.fill_in.query import FilledText, Filling, FillQuery


@pytest.mark.parametrize("fields", [{"mlp_size": 0}, {"sampled_words": -1}, {"max_tokens": True}, {"max_tokens": 1.5}])
def test_fill_in_config_names_the_field_that_is_wrong(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(fields))):
        FillInConfig(**fields)


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_pair_config_refuses_a_weight_that_is_none(weight: float) -> None:
    with pytest.raises(InvalidInput, match="prior_weight"):
        LanguageModelPairConfig(weight)


@pytest.mark.parametrize("fields", [{"top_k": -1}, {"shortlist": -1}, {"beam": 0}, {"candidates": ("a", "a")}])
def test_fill_query_names_the_field_that_is_wrong(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(fields))):
        FillQuery(**fields)


def test_filled_text_puts_words_into_its_blanks() -> None:
    filling = Filling(("teddy", "him"), (False, False), -1.0, 0.3)
    filled = FilledText("a ___ bear for _____.", ((2, 5), (15, 20)), (filling,), 1, exact=True)
    assert filled.with_filling(filling) == "a teddy bear for him."
