"""Linear classifiers over n-grams against numbers derived by hand."""

import math

import numpy as np
import pytest

from models.data.labelled.examples import LabelledText
from models.errors import CheckpointDamaged, InvalidInput, TrainingFailed
from models.tasks.classification.config import LogisticRegressionConfig, NaiveBayesConfig
from models.tasks.classification.fit import fit_classifier
from models.tasks.classification.fit_ngrams import fit_logistic_regression, fit_naive_bayes
from models.tasks.classification.ngram_features import NgramFeatures, ngram_keys
from models.tasks.classification.ngram_model import NaiveBayesClassifier
from models.tasks.classification.train import LabelledTexts
from models.tasks.text import TaskText
from models.tasks.training.options import FitOptions
from models.utils.progress import run_to_completion

VOCABULARY = 6
LABELS = ["bad", "good"]


def text(*ids: int) -> TaskText:
    return TaskText(np.array(ids, np.int64), tuple(map(str, ids)))


def labelled(*pairs: tuple[TaskText, int]) -> LabelledTexts:
    targets = np.eye(2, dtype=np.float32)[[label for _, label in pairs]]
    return LabelledTexts([words for words, _ in pairs], targets)


EXAMPLES = labelled((text(2, 3), 0), (text(2, 4), 1), (text(4, 4), 1))


def test_ngram_keys_are_digits_in_the_base_of_the_vocabulary() -> None:
    # Base 7, digits id + 1: 2, 3 -> 3, 4; the bigram 3 * 7 + 4 = 25.
    assert ngram_keys(np.array([2, 3]), 2, VOCABULARY).tolist() == [3, 4, 25]
    assert ngram_keys(np.array([2]), 3, VOCABULARY).tolist() == [3]  # shorter than the order


def test_ngram_features_find_those_of_a_text_and_ignore_others() -> None:
    features = NgramFeatures.of(EXAMPLES.texts, 1, VOCABULARY)  # ids 2, 3, 4
    assert features.rows(np.array([4, 5, 2, 4])).tolist() == [0, 2, 2]


def test_naive_bayes_follows_the_counts() -> None:
    model = fit_naive_bayes(NaiveBayesConfig(order=1, delta=1, binary=False), LABELS, EXAMPLES, VOCABULARY)
    # bad:  2 and 3 once each; plus one for each of 2, 3, 4: P(2) = 2/5, P(3) = 2/5, P(4) = 1/5. Prior 1/3.
    # good: 2 once, 4 three times: P(2) = 2/7, P(3) = 1/7, P(4) = 4/7. Prior 2/3.
    bad, good = 1 / 3 * 2 / 5 * 1 / 5, 2 / 3 * 2 / 7 * 4 / 7
    assert np.exp(model.logprobs([text(2, 4)]))[0].tolist() == pytest.approx([bad / (bad + good), good / (bad + good)])


def test_naive_bayes_counts_an_ngram_once_for_a_text_where_binary() -> None:
    model = fit_naive_bayes(NaiveBayesConfig(order=1, delta=1, binary=True), LABELS, EXAMPLES, VOCABULARY)
    # good: 2 once, 4 in two texts: P(4) = 3/6; in the text asked for it counts once as well.
    bad, good = 1 / 3 * 1 / 5, 2 / 3 * 3 / 6
    assert np.exp(model.logprobs([text(4, 4, 4)]))[0, 1] == pytest.approx(good / (bad + good))


@pytest.mark.parametrize("naive_bayes", [False, True])
def test_logistic_regression_reaches_the_minimum(naive_bayes: bool) -> None:
    config = LogisticRegressionConfig(order=1, l2=0.5, naive_bayes=naive_bayes)
    model = fit_logistic_regression(config, LABELS, EXAMPLES, VOCABULARY)
    p = np.exp(model.logprobs(EXAMPLES.texts), dtype=np.float64) - EXAMPLES.targets  # gradient by the scores [N, L]
    there = np.array([[1, 1, 0], [1, 0, 1], [0, 0, 1]], np.float64)  # features 2, 3, 4 of the three texts
    weights = model.tensors()["weights"].astype(np.float64)
    if naive_bayes:  # counts of bad: 1, 1, 0; of good: 1, 0, 2; plus one each, over 5 and 6
        ratio = np.log(np.array([[2 / 5, 2 / 6], [2 / 5, 1 / 6], [1 / 5, 3 / 6]]))
        ratio = np.stack([ratio[:, 0] - ratio[:, 1], ratio[:, 1] - ratio[:, 0]], 1)
        gradient = there.T @ p * ratio + 0.5 * weights / ratio
    else:
        gradient = there.T @ p + 0.5 * weights
    assert np.abs(gradient).max() < 1e-3
    assert np.abs(p.sum(0)).max() < 1e-3


def test_logistic_regression_of_several_labels_treats_them_apart() -> None:
    targets = np.array([[1, 1], [0, 1], [0, 0]], np.float32)
    examples = LabelledTexts(EXAMPLES.texts, targets)
    model = fit_logistic_regression(LogisticRegressionConfig(1, 0.01, multi_label=True), LABELS, examples, VOCABULARY)
    assert np.array_equal(np.exp(model.logprobs(examples.texts)) > 0.5, targets > 0)


def test_ngram_classifier_gives_a_text_the_same_numbers_in_company() -> None:
    model = fit_naive_bayes(NaiveBayesConfig(), LABELS, EXAMPLES, VOCABULARY)
    texts = [text(2, 4, 3), text(5), text(4, 4)]
    together = model.logprobs(texts)
    assert all(np.array_equal(model.logprobs([alone])[0], row) for alone, row in zip(texts, together, strict=True))
    model.check()


def test_ngram_classifier_from_tensors_is_bit_equal() -> None:
    model = fit_naive_bayes(NaiveBayesConfig(), LABELS, EXAMPLES, VOCABULARY)
    again = NaiveBayesClassifier.from_tensors(model.config(), model.tensors(), VOCABULARY)
    assert np.array_equal(model.logprobs(EXAMPLES.texts), again.logprobs(EXAMPLES.texts))


@pytest.mark.parametrize("name", ["keys", "weights", "bias"])
def test_ngram_classifier_names_the_tensor_that_does_not_fit(name: str) -> None:
    model = fit_naive_bayes(NaiveBayesConfig(), LABELS, EXAMPLES, VOCABULARY)
    tensors = model.tensors()
    tensors[name] = tensors[name][::-1].copy() if name == "keys" else tensors[name][:-1]
    with pytest.raises(CheckpointDamaged, match="keys" if name == "keys" else name):
        NaiveBayesClassifier.from_tensors(model.config(), tensors, VOCABULARY)


def fit(*examples: tuple[str, tuple[str, ...]]) -> None:
    texts = [LabelledText(words, labels, line) for line, (words, labels) in enumerate(examples, 1)]
    run_to_completion(fit_classifier(NaiveBayesConfig(), texts, [], FitOptions()))


def test_fit_classifier_names_the_line_of_an_example_that_does_not_fit() -> None:
    with pytest.raises(InvalidInput, match="line 2: one label is accepted"):
        fit(("a", ("x",)), ("b", ("x", "y")))
    with pytest.raises(InvalidInput, match="at least two labels"):
        fit(("a", ("x",)), ("b", ("x",)))
    with pytest.raises(TrainingFailed, match="no training examples"):
        fit()


@pytest.mark.parametrize(
    ("fields", "match"), [({"order": 5}, "order"), ({"delta": 0}, "delta"), ({"binary": 1}, "binary")]
)
def test_naive_bayes_config_names_the_field_that_is_not_accepted(fields: dict[str, float], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        NaiveBayesConfig(**fields)  # type: ignore[arg-type]


def test_naive_bayes_of_an_empty_text_is_near_the_prior() -> None:
    model = fit_naive_bayes(NaiveBayesConfig(order=1), LABELS, EXAMPLES, VOCABULARY)
    assert math.exp(model.logprobs([text(1)])[0, 1]) == pytest.approx(2 / 3)  # no feature is known


@pytest.mark.parametrize(
    "change",
    [
        {"order": 10**9},
        {"order": 1.0},
        {"labels": [1, 2]},
        {"labels": ["a", "a"]},
        {"binary": 1},
        {"multi_label": None},
    ],
)
def test_ngram_classifier_trusts_no_field_of_a_card(change: dict[str, object]) -> None:
    model = fit_naive_bayes(NaiveBayesConfig(), LABELS, EXAMPLES, VOCABULARY)
    with pytest.raises(CheckpointDamaged, match="config"):
        NaiveBayesClassifier.from_tensors(model.config() | change, model.tensors(), VOCABULARY)


def test_ngram_features_refuse_orders_whose_keys_would_not_fit() -> None:
    NgramFeatures.of([text(2)], 4, 55_000)
    with pytest.raises(InvalidInput, match="order"):
        NgramFeatures.of([text(2)], 4, 56_000)


def test_fit_classifier_refuses_more_labels_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [LabelledText(f"text {i}", (f"label {i}",), i) for i in range(10)]
    monkeypatch.setattr("models.tasks.classification.fit_ngrams.MAX_WEIGHTS", 100)
    for config in (NaiveBayesConfig(), LogisticRegressionConfig()):
        with pytest.raises(InvalidInput, match=r"files: 10 labels are too many for .* n-grams"):
            run_to_completion(fit_classifier(config, texts, [], FitOptions()))
    monkeypatch.setattr("models.tasks.classification.fit.MAX_TARGETS", 99)
    with pytest.raises(InvalidInput, match="files: 10 labels are too many for 10 examples"):
        run_to_completion(fit_classifier(NaiveBayesConfig(), texts, [], FitOptions()))


def test_naive_bayes_config_refuses_numbers_beyond_those_of_a_float() -> None:
    NaiveBayesConfig(delta=10**400)  # a whole number, however large
    with pytest.raises(InvalidInput, match="delta"):
        NaiveBayesConfig(delta=-(10**400))
