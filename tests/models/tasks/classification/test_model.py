"""The recurrent classifier's head against a naive computation, alone and in company, in both precisions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.data.labelled.examples import LabelledText
from models.errors import CheckpointDamaged, InvalidInput
from models.model import Floats
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder, encoder_shapes
from models.tasks.classification.config import ClassifierConfig, LogisticRegressionConfig, Pooling
from models.tasks.classification.fit import fit_classifier
from models.tasks.classification.fit_ngrams import fit_logistic_regression
from models.tasks.classification.model import Int8Classifier, RecurrentClassifier, classifier_head_shapes
from models.tasks.classification.train import ClassificationProblem, LabelledTexts
from models.tasks.text import Alphabet, TaskText
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.initial_weights import WordVectors
from models.tasks.training.options import FitOptions, task_tokenizer
from models.tasks.training.problem import StepContext
from models.tokenization.config import TokenizerConfig
from models.utils.progress import run_to_completion

VOCABULARY = 9
ENCODER = EncoderConfig(embedding_size=5, hidden_size=4, storage="float32")
POOLINGS = pytest.mark.parametrize("pooling", ["max", "mean", "last", "attention"])


def random_arrays(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, Floats]:
    random = np.random.default_rng(seed)
    return {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def make(settings: ClassifierConfig, encoder: EncoderConfig = ENCODER) -> RecurrentClassifier:
    alphabet = Alphabet("0123456789") if encoder.reads_characters else None
    size = len(alphabet) if alphabet else 0
    arrays = random_arrays(encoder_shapes(encoder, VOCABULARY, size), 1)
    head = random_arrays(classifier_head_shapes(settings, 3, encoder.vector_size), 2)
    recurrent = RecurrentEncoder(encoder, arrays, VOCABULARY, size)
    return RecurrentClassifier(settings, ["a", "b", "c"], recurrent, head, alphabet)


def text(ids: list[int]) -> TaskText:
    return TaskText(np.array(ids, np.int64), tuple(map(str, ids)))


def to_int8(model: RecurrentClassifier) -> Int8Classifier:
    return Int8Classifier.from_tensors(model.config(), model.tensors(), VOCABULARY)


@POOLINGS
def test_classifier_pools_the_vectors_of_the_text_alone(pooling: Pooling) -> None:
    model = make(ClassifierConfig(pooling))
    texts = [text([2, 3, 4]), text([5])]
    for words, logprobs in zip(texts, model.logprobs(texts), strict=True):
        vectors = model.encoder.encode(words.ids[None], np.array([len(words)]))[0]
        head = {name.removeprefix("head."): a for name, a in model.tensors().items() if name.startswith("head.")}
        if pooling == "attention":
            weights = np.exp(vectors @ head["attention"])
            pooled = weights @ vectors / weights.sum()
        elif pooling == "last":
            pooled = np.concatenate([vectors[-1, :4], vectors[0, 4:]])
        else:
            pooled = vectors.max(0) if pooling == "max" else vectors.mean(0)
        scores = np.exp(head["weight"] @ pooled + head["bias"])
        np.testing.assert_allclose(np.exp(logprobs), scores / scores.sum(), rtol=1e-5)


@given(st.lists(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=6), min_size=1, max_size=5))
@POOLINGS
def test_classifier_gives_a_text_the_same_probabilities_in_company(pooling: Pooling, ids: list[list[int]]) -> None:
    model, texts = make(ClassifierConfig(pooling)), [text(row) for row in ids]
    int8 = to_int8(model)
    for words, row, exact in zip(texts, model.logprobs(texts), int8.logprobs(texts), strict=True):
        np.testing.assert_allclose(model.logprobs([words])[0], row, atol=1e-5)
        assert np.array_equal(int8.logprobs([words])[0], exact)


@POOLINGS
@pytest.mark.parametrize("multi_label", [False, True])
def test_classification_problem_trains_what_the_model_computes(pooling: Pooling, multi_label: bool) -> None:
    settings = ClassifierConfig(pooling, multi_label)
    model, texts = make(settings), [text([2, 3, 4]), text([5]), text([6, 7])]
    targets = np.eye(3, dtype=np.float32)
    examples = LabelledTexts(texts, targets)
    problem = ClassificationProblem(settings, ENCODER, model.labels, VOCABULARY, examples)
    import torch

    problem.network.load_state_dict({name: torch.from_numpy(a) for name, a in model.tensors().items()})
    loss = float(problem.loss(np.arange(3), StepContext()).detach())
    p = np.exp(model.logprobs(texts), dtype=np.float64)
    if multi_label:
        expected = -np.where(targets > 0, np.log(p), np.log(1 - p)).mean()
    else:
        expected = -np.log(p[targets > 0]).mean()
    assert loss == pytest.approx(expected, rel=1e-5)


def test_classification_problem_gives_all_labels_the_same_weight_where_balanced() -> None:
    texts = [text([2]), text([2]), text([2]), text([3])]
    examples = LabelledTexts(texts, np.eye(2, dtype=np.float32)[[0, 0, 0, 1]])
    problem = ClassificationProblem(
        ClassifierConfig(class_weights="balanced"), ENCODER, ["a", "b"], VOCABULARY, examples
    )
    assert problem._weights is not None
    assert (problem._weights * 4).tolist() == pytest.approx([4 / (2 * 3) * 4, 4 / 2 * 4])  # 3 * w0 = 1 * w1


def test_classification_problem_cuts_long_texts_in_training_alone() -> None:
    examples = LabelledTexts([text([2, 3, 4, 5]), text([6])], np.eye(2, dtype=np.float32))
    settings = ClassifierConfig(max_training_tokens=2)
    problem = ClassificationProblem(settings, ENCODER, ["a", "b"], VOCABULARY, examples, examples)
    assert problem.lengths.tolist() == [2, 1]
    assert problem.identity["examples"] != problem.identity["held out"]
    with pytest.raises(InvalidInput, match="max_training_tokens"):
        ClassifierConfig(max_training_tokens=0)


@pytest.mark.parametrize("encoder", [ENCODER, replace(ENCODER, storage="float16", character_embedding_size=3)])
def test_classifier_from_tensors_is_bit_equal(encoder: EncoderConfig) -> None:
    model, texts = make(ClassifierConfig("attention"), encoder), [text([2, 3, 4]), text([5])]
    family = FAMILIES_BY_PRECISION["float32"][model.kind]
    again = family.from_tensors(model.config(), model.tensors(), VOCABULARY)
    assert isinstance(again, RecurrentClassifier)
    assert np.array_equal(model.logprobs(texts), again.logprobs(texts))
    assert again.labels == model.labels


def test_classifier_names_what_is_wrong_with_its_tensors() -> None:
    model = make(ClassifierConfig())
    for name, array in (("head.weight", np.zeros((2, 8), np.float32)), ("tail", np.zeros(1, np.float32))):
        with pytest.raises(CheckpointDamaged, match=name):
            RecurrentClassifier.from_tensors(model.config(), model.tensors() | {name: array}, VOCABULARY)
    with pytest.raises(CheckpointDamaged, match="config"):
        RecurrentClassifier.from_tensors({"labels": []}, model.tensors(), VOCABULARY)


def test_classifier_check_refuses_numbers_that_are_no_distribution() -> None:
    make(ClassifierConfig()).check()
    make(ClassifierConfig(multi_label=True)).check()


def test_classifier_mixes_its_probabilities_with_those_of_ngrams() -> None:
    model, texts = make(ClassifierConfig(ngram_share=0.25)), [text([2, 3]), text([4])]
    examples = LabelledTexts(texts, np.eye(3, dtype=np.float32)[[0, 2]])
    ngrams = fit_logistic_regression(LogisticRegressionConfig(), model.labels, examples, VOCABULARY)
    mixed = model.with_ngrams(ngrams)
    expected = 0.75 * np.exp(model.logprobs(texts)) + 0.25 * np.exp(ngrams.logprobs(texts))
    np.testing.assert_allclose(np.exp(mixed.logprobs(texts)), expected, rtol=1e-5)
    for family in (RecurrentClassifier, Int8Classifier):
        again = family.from_tensors(mixed.config(), mixed.tensors(), VOCABULARY)
        assert np.array_equal(again.logprobs(texts[:1])[0], again.logprobs(texts)[0])
    with pytest.raises(CheckpointDamaged, match=r"ngrams\.bias"):
        RecurrentClassifier.from_tensors(make(ClassifierConfig()).config(), mixed.tensors(), VOCABULARY)


def test_classification_problem_measures_the_loss_of_labels_that_a_text_lacks() -> None:
    settings = ClassifierConfig(multi_label=True)
    model, texts = make(settings), [text([2, 3])]
    examples = LabelledTexts(texts, np.zeros((1, 3), np.float32))
    problem = ClassificationProblem(settings, ENCODER, model.labels, VOCABULARY, examples, examples)
    expected = -np.log(1 - np.exp(model.logprobs(texts))).sum()
    assert run_to_completion(problem.measure(model))["validation_loss"] == pytest.approx(expected, rel=1e-4)


def test_fit_classifier_refuses_label_smoothing_of_independent_labels() -> None:
    examples = [LabelledText("a", ("x",), 1), LabelledText("b", ("y",), 2)]
    options = FitOptions(training=TaskTrainingConfig(label_smoothing=0.1))
    with pytest.raises(InvalidInput, match="label_smoothing"):
        run_to_completion(fit_classifier(ClassifierConfig(multi_label=True), examples, [], options))


def test_task_tokenizer_lists_no_word_that_it_would_never_make() -> None:
    vectors = WordVectors(["cat", "cat", "Dog", "new york", "cow"], np.ones((5, 2), np.float32), extra_words=5)
    options = FitOptions(TokenizerConfig(lowercase=True), initial=vectors)
    assert task_tokenizer(options, ["a"]).vocabulary == ["<unk>", "</s>", "a", "cat", "cow"]
