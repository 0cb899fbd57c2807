"""Configurations of question answering: what they refuse."""

from typing import Any

import pytest

from models.errors import InvalidInput
from models.tasks.question_answering.config import NearestSentenceConfig, ReaderConfig


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target", "best"),
        ("match_size", 0),
        ("hops", 1.5),
        ("hops", True),
        ("hops", 17),
        ("max_answer_tokens", 0),
        ("max_answer_tokens", 101),
        ("supporting_weight", -0.1),
        ("supporting_weight", float("inf")),
        ("hidden_answers", 1.1),
        ("hidden_answers", "half"),
    ],
)
def test_reader_config_names_the_field_it_refuses(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=field):
        ReaderConfig(**{field: value})


def test_nearest_sentence_config_refuses_another_target() -> None:
    with pytest.raises(InvalidInput, match="target"):
        NearestSentenceConfig("best")  # type: ignore[arg-type]
