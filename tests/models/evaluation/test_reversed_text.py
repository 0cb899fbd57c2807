"""Measuring from right to left: of a text that reads the same both ways, the figures are those of any measuring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.data.corpus import Corpus
from models.evaluation.evaluator import measure_units
from models.evaluation.reversed_text import measure_reversed_units
from models.language_model import LanguageModel
from models.utils.progress import run_to_completion
from tests.helpers.language_models import TOKENIZER, ngram, recurrent

PALINDROME = "a b zebra b a\nc d c\n\nj\n\nc d c\na b zebra b a\n"


@pytest.mark.parametrize("model", [ngram("witten_bell"), ngram("mle"), recurrent("gru")])
def test_measure_reversed_units_of_a_palindrome_is_that_of_reading_forward(
    model: LanguageModel, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_text(PALINDROME)
    corpus = Corpus.open(path)
    backward, forward = (
        run_to_completion(measure(model, TOKENIZER, corpus)) for measure in (measure_reversed_units, measure_units)
    )
    assert backward.keys() == forward.keys() == {"lines", "document"}
    for unit in backward:
        assert_close(backward[unit], forward[unit])


def assert_close(figures: dict[str, Any], expected: dict[str, Any]) -> None:
    assert figures.keys() == expected.keys()
    for name, value in figures.items():
        assert value == (pytest.approx(expected[name], rel=1e-5) if isinstance(value, float) else expected[name]), name
