"""Configurations of taggers refuse what they do not accept, and name the field."""

from typing import Any

import pytest

from models.errors import InvalidInput
from models.tasks.tagging.config import HmmTaggerConfig, TaggerConfig


@pytest.mark.parametrize(("field", "value"), [("crf", 1), ("constrained", "yes"), ("max_training_tokens", 0)])
def test_tagger_config_names_the_field_that_is_not_accepted(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        TaggerConfig(**{field: value})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order", 1),
        ("order", 4),
        ("order", True),
        ("suffix_length", -1),
        ("rare_count", 0),
        ("unknown_tags", 0.5),
        ("unknown_tags", 51),
    ],
)
def test_hmm_tagger_config_names_the_field_that_is_not_accepted(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        HmmTaggerConfig(**{field: value})
    assert caught.value.field == field
