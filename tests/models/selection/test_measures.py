"""Measures: figures of an evaluation, a difference by hand, and the model of each label."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import InvalidInput
from models.evaluation.evaluator import evaluate
from models.language_model import LanguageModel
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.selection.config import SelectionConfig
from models.selection.measures import (
    ClassifierMeasure,
    DifferenceMeasure,
    Figures,
    LanguageModelMeasure,
    Measure,
    RoutedMeasure,
)
from models.tasks.classification.classifier import TextClassifier
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.serving import CHARACTERS, WORDS, naive_bayes, ngram, recurrent

TEXTS = ["the cat saw a bird .", "a\nbird", "zebra the zebra\n", "", "the the bird é"]
LETTERS = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "a", "b"])
BITS = SelectionConfig(figure="bits_per_token")


def measure(measure: Measure, texts: list[str]) -> Figures:
    return run_to_completion(measure.measure(texts))


def unigrams(text: str) -> LanguageModelMeasure:
    config = NgramConfig(order=1, smoothing="mle")
    model = NgramModel(config, estimate_from_tokens(config, LETTERS.encode(text).ids, 4))
    return LanguageModelMeasure(model, LETTERS, BITS)


@pytest.mark.parametrize("case", ["words", "zeros", "letters", "lstm"])
def test_language_model_measure_has_the_figures_of_an_evaluation(case: str) -> None:
    models: dict[str, tuple[LanguageModel, Tokenizer]] = {
        "words": (ngram(), WORDS),
        "zeros": (ngram(smoothing="mle"), WORDS),
        "letters": (ngram(CHARACTERS, order=4), CHARACTERS),
        "lstm": (recurrent(), WORDS),
    }
    model, tokenizer = models[case]
    figures = measure(LanguageModelMeasure(model, tokenizer, SelectionConfig(figure="perplexity")), TEXTS)
    assert figures.errors == {3: "must hold something to score"}
    for i, text in enumerate(TEXTS):
        if i in figures.errors:
            assert np.isnan(figures.values[i])
            continue
        unit = "document" if case == "letters" else "lines"
        expected = run_to_completion(evaluate(model, tokenizer, [text], unit))
        for name, column in figures.columns.items():
            value = getattr(expected, name)
            assert column[i] == (None if value is None else pytest.approx(value, rel=1e-6)), (name, text)
        assert figures.values[i] == (np.inf if expected.perplexity is None else pytest.approx(expected.perplexity))


def test_difference_measure_is_that_of_moore_and_lewis() -> None:
    # P(a) = 1/2, P(b) = P(</s>) = 1/4 by the first text, P(b) = 1/2, P(a) = P(</s>) = 1/4 by the second, so that
    # "a" takes (1 + 2) / 2 bits a token by the first model and (2 + 2) / 2 by the second.
    difference = DifferenceMeasure(unigrams("a a b\n"), unigrams("a b b\n"), BITS)
    figures = measure(difference, ["a", "b", "a b", "unknown"])
    assert figures.values.tolist() == pytest.approx([-0.5, 0.5, 0.0, np.inf])
    assert figures.columns["difference"] == [*figures.values[:3].tolist(), None]
    assert figures.columns["bits_per_token"] == pytest.approx([1.5, 2.0, 5 / 3, None])


def test_difference_measure_refuses_perplexities() -> None:
    with pytest.raises(InvalidInput, match="bits_per_token"):
        DifferenceMeasure(unigrams("a\n"), unigrams("b\n"), SelectionConfig(figure="perplexity"))


def make_router(label: str | None = None) -> ClassifierMeasure:
    model = naive_bayes()
    assert isinstance(model, TextClassifier)
    return ClassifierMeasure(model, WORDS, label)


def test_classifier_measure_judges_by_the_probability_of_a_label() -> None:
    router = make_router()
    first, second = router.class_labels[:2]
    likeliest = measure(router, TEXTS)
    by_label = measure(make_router(second), TEXTS)
    other = measure(make_router(first), TEXTS)
    assert by_label.columns["label"] == likeliest.columns["label"]
    assert (by_label.values + other.values).tolist() == pytest.approx([1] * len(TEXTS), abs=1e-5)
    assert likeliest.values.tolist() == np.maximum(by_label.values, other.values).tolist()
    assert measure(router, []).values.shape == (0,)
    with pytest.raises(InvalidInput, match="label: must be one of"):
        make_router("no such label")


def test_routed_measure_asks_the_model_of_the_label() -> None:
    router, language_model = make_router(), LanguageModelMeasure(ngram(), WORDS, SelectionConfig())
    labels = measure(router, TEXTS).columns["label"]
    assert len(set(labels)) > 1
    figures = measure(RoutedMeasure(router, {labels[0]: language_model}), TEXTS)
    alone = measure(language_model, TEXTS)
    for i, label in enumerate(labels):
        if label == labels[0] and i not in alone.errors:
            assert figures.values[i] == alone.values[i]
            assert figures.columns["perplexity"][i] == alone.columns["perplexity"][i]
        else:
            assert np.isnan(figures.values[i])
    assert [router.class_labels[i] for i in figures.groups] == labels
    with pytest.raises(InvalidInput, match=r"routes\.fr"):
        RoutedMeasure(router, {"fr": language_model})
