"""Texts evaluated together have the figures that an `Evaluator` finds for each alone."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidText
from models.evaluation import text_batch
from models.evaluation.evaluator import evaluate
from models.evaluation.metrics import Evaluation, evaluation_figures, figure_columns
from models.evaluation.text_batch import evaluate_texts, sum_texts
from models.language_model import LanguageModel
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.serving import CHARACTERS, WORDS, ngram, recurrent

CASES: dict[str, tuple[LanguageModel, Tokenizer]] = {
    "words": (ngram(), WORDS),
    "zeros": (ngram(smoothing="mle"), WORDS),
    "letters": (ngram(CHARACTERS, order=5), CHARACTERS),
    "lstm": (recurrent(), WORDS),
}
TEXTS = [
    "the cat saw a bird .",
    "a\nbird",
    "zebra the zebra",
    "",
    " ",
    "\ufeff",
    "\ud800",
    "\x00",
    "a\r\n\n\nb",
    "é ü\n",
]


def alone(case: str, text: str, unit: Literal["lines", "document"], **ends: bool) -> Evaluation | InvalidText:
    model, tokenizer = CASES[case]
    try:
        return run_to_completion(evaluate(model, tokenizer, [text], unit, **ends))
    except InvalidText as error:
        return error


@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(sorted(CASES)),
    texts=st.lists(st.sampled_from(TEXTS) | st.text("ab .\n\r", max_size=30), max_size=12),
    document=st.booleans(),
    bos=st.booleans(),
    eos=st.booleans(),
)
def test_evaluate_texts_is_each_alone(case: str, texts: list[str], document: bool, bos: bool, eos: bool) -> None:
    model, tokenizer = CASES[case]
    unit: Literal["lines", "document"] = "document" if document or case == "letters" else "lines"
    together = run_to_completion(evaluate_texts(model, tokenizer, texts, unit, bos=bos, eos=eos))
    assert len(together) == len(texts)
    for text, outcome in zip(texts, together, strict=True):
        expected = alone(case, text, unit, bos=bos, eos=eos)
        if isinstance(expected, InvalidText):
            assert str(outcome) == str(expected)
            continue
        assert isinstance(outcome, Evaluation)
        for name, value in vars(expected).items():
            close = pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
            assert getattr(outcome, name) == close, name


def test_evaluate_texts_takes_a_long_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_batch, "BATCH_CHARACTERS", 12)
    texts = ["the cat", "a", "the cat saw a bird .", "zebra", ""]
    together = run_to_completion(evaluate_texts(*CASES["words"], texts, "lines"))
    assert [getattr(outcome, "token_count", None) for outcome in together] == [3, 2, 7, 2, None]


@pytest.mark.parametrize("case", ["words", "zeros"])
def test_figure_columns_are_the_figures_of_each_text(case: str) -> None:
    sums = run_to_completion(sum_texts(*CASES[case], TEXTS, "lines"))
    columns = figure_columns(sums.sums)
    outcomes = run_to_completion(evaluate_texts(*CASES[case], TEXTS, "lines"))
    for i, outcome in enumerate(outcomes):
        if isinstance(outcome, InvalidText):
            assert str(sums.errors[i]) == str(outcome)
            continue
        figures = evaluation_figures(outcome)
        assert all(columns[name][i] == figures[name] for name in columns.keys() & figures.keys())
        assert columns["characters"][i] == outcome.characters
        assert columns["logprob"][i] == (None if figures.get("zero_probability") else outcome.logprob)
