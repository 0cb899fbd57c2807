"""Vectors of texts, of language models and task models, whatever texts are beside them."""

import numpy as np
import pytest

from models.model import Model
from models.neural.int8.model import Int8Model
from models.tasks.classification.model import Int8Classifier
from models.tasks.embedding.encode import encode, vector_size
from models.tasks.text import TaskText
from tests.helpers.serving import WORDS, classifier, ngram, recurrent, tagger

TEXTS = [TaskText.of(WORDS, text) for text in ["the old dog", "", "a zebra saw the cat ."]]


def in_int8(family: type[Model], model: Model) -> Model:
    return family.from_tensors(model.config(), model.tensors(), model.vocabulary_size)


def models() -> list[Model]:
    return [recurrent(), classifier(), tagger(), in_int8(Int8Model, recurrent()), in_int8(Int8Classifier, classifier())]


@pytest.mark.parametrize("model", models(), ids=lambda model: f"{model.kind}-{model.precision}")
def test_encode_gives_a_text_the_same_vectors_in_company(model: Model) -> None:
    for text, together in zip(TEXTS, encode(model, TEXTS), strict=True):
        (alone,) = encode(model, [text])
        assert together.tokens.shape == (len(text), vector_size(model))
        if model.precision == "int8":
            assert np.array_equal(together.tokens, alone.tokens)
            assert np.array_equal(together.last, alone.last)
        assert together.tokens == pytest.approx(alone.tokens, abs=1e-5)
        assert together.last == pytest.approx(alone.last, abs=1e-5)


def test_encode_takes_the_last_vector_of_each_direction() -> None:
    vectors, *_ = encode(classifier(), TEXTS)
    assert vectors.last[:8].tolist() == vectors.tokens[-1, :8].tolist()  # read from left to right
    assert vectors.last[8:].tolist() == vectors.tokens[0, 8:].tolist()  # read from right to left
    vectors, *_ = encode(recurrent(), TEXTS)
    assert vectors.last.tolist() == vectors.tokens[-1].tolist()


def test_encode_is_for_models_with_an_encoder() -> None:
    assert all("embed" in model.capabilities for model in models())
    assert "embed" not in ngram().capabilities
    with pytest.raises(TypeError, match="ngram"):
        encode(ngram(), TEXTS)
