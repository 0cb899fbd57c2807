"""Weights to begin with: which parts of an encoder they fit, and which mistakes are told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.checkpoint.load import Checkpoint
from models.errors import InvalidInput
from models.model import Floats, Model
from models.neural.config import RecurrentConfig
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder, encoder_shapes
from models.neural.model import RecurrentModel, weight_shapes
from models.recipes.initial_weights import ModelWeights, initial_weights
from models.recipes.task_recipe import TaskRecipe
from models.tasks.classification.config import ClassifierConfig
from models.tasks.classification.model import RecurrentClassifier
from models.tasks.text import Alphabet
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.serving import ngram, publish

WORDS = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "cat", "Dog"])


def numbers(shapes: dict[str, tuple[int, ...]]) -> dict[str, Floats]:
    random = np.random.default_rng(1)
    return {name: random.random(shape, np.float32) for name, shape in shapes.items()}


def language_model(kind: str = "lstm", layers: int = 2, **fields: Any) -> RecurrentModel:
    config = RecurrentConfig(kind, layers=layers, embedding_size=3, hidden_size=4, **fields)
    return RecurrentModel(config, numbers(weight_shapes(config, 4)), 4)


def begin(model: Model, encoder: EncoderConfig, *, reads_backward: bool = False) -> ModelWeights:
    """Weights that a published model gives an encoder."""
    card = SimpleNamespace(reads_backward=reads_backward)
    return ModelWeights(Checkpoint(card, WORDS, model, Path()), encoder)  # type: ignore[arg-type]


def encoder_config(cell: str = "lstm", layers: int = 2, **fields: Any) -> EncoderConfig:
    return EncoderConfig(cell, layers=layers, **{"embedding_size": 3, "hidden_size": 4, **fields})


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({}, ["embedding", "forward_layers.0"]),  # the second layer reads both directions
        ({"separate": True}, ["embedding", "forward_layers.0", "forward_layers.1"]),
        ({"direction": "forward"}, ["embedding", "forward_layers.0", "forward_layers.1"]),
        ({"direction": "forward", "layers": 1}, ["embedding", "forward_layers.0"]),
        ({"direction": "forward", "layers": 3}, ["embedding", "forward_layers.0", "forward_layers.1"]),
        ({"direction": "backward"}, ["embedding"]),
        ({"cell": "gru"}, ["embedding"]),
        ({"hidden_size": 5}, ["embedding"]),
        # The first layer reads characters too, so that the second would read outputs that it does not know.
        ({"direction": "forward", "character_embedding_size": 2}, ["embedding"]),
    ],
)
def test_model_weights_of_a_language_model_are_the_layers_that_fit(fields: dict[str, Any], parts: list[str]) -> None:
    model = language_model()
    weights = begin(model, encoder_config(**fields))
    assert weights.parts == parts
    assert weights.tokenizer is WORDS
    arrays = weights.arrays(WORDS)
    assert np.array_equal(arrays["embedding"], model.tensors()["embedding"])
    for name in arrays.keys() - {"embedding"}:
        assert np.array_equal(arrays[name], model.tensors()[name.removeprefix("forward_")])


def test_model_weights_of_reversed_text_are_the_backward_direction() -> None:
    model = language_model()
    weights = begin(model, encoder_config(), reads_backward=True)
    assert weights.parts == ["backward_layers.0", "embedding"]
    name = "layers.0.weight_hh"
    assert np.array_equal(weights.arrays(WORDS)[f"backward_{name}"], model.tensors()[name])


def test_model_weights_of_another_nonlinearity_are_the_embedding_alone() -> None:
    model = language_model("rnn", nonlinearity="relu")
    assert begin(model, encoder_config("rnn")).parts == ["embedding"]
    fitting = encoder_config("rnn", nonlinearity="relu", direction="forward")
    assert begin(model, fitting).parts == ["embedding", "forward_layers.0", "forward_layers.1"]


def test_model_weights_of_a_feedforward_network_are_the_embedding_alone() -> None:
    assert begin(language_model("feedforward", 1), encoder_config()).parts == ["embedding"]


@pytest.mark.parametrize("characters", [0, 2])
def test_model_weights_of_a_task_are_its_encoder_but_for_characters(characters: int) -> None:
    config, alphabet = encoder_config(layers=1, character_embedding_size=characters), Alphabet("abc")
    encoder = RecurrentEncoder(config, numbers(encoder_shapes(config, 4, 4)), 4, 4)
    head = {"weight": np.zeros((2, 8), np.float32), "bias": np.zeros(2, np.float32)}
    model = RecurrentClassifier(ClassifierConfig(), ["a", "b"], encoder, head, alphabet if characters else None)
    expected = ["backward_layers.0", "embedding", "forward_layers.0"]
    assert begin(model, config).parts == expected


def test_model_weights_need_vectors_of_the_same_size() -> None:
    with pytest.raises(InvalidInput, match=r"encoder\.embedding_size: must be 3"):
        begin(language_model(), encoder_config(embedding_size=5))
    with pytest.raises(InvalidInput, match="initialize_from: must be a model with word vectors, and a ngram"):
        begin(ngram(), encoder_config())


def test_initial_weights_of_a_file_are_the_vectors_of_the_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text("the 1 1 1\ncat 2 2 2\ndog 3 3 3\n")
    recipe = TaskRecipe("x", (path,), encoder=encoder_config(), initialize_from=path, extra_words=2)
    weights = initial_weights(recipe)
    assert weights is not None
    assert (list(weights.extra_words), weights.tokenizer) == (["the", "cat"], None)
    embedding = weights.arrays(WORDS)["embedding"]
    assert np.isnan(embedding[:2]).all()
    assert embedding[2:].tolist() == [[2, 2, 2], [3, 3, 3]]  # "Dog" has the vector of "dog"


def test_initial_weights_of_a_model_bring_its_tokenizer(tmp_path: Path) -> None:
    entry = publish(tmp_path, "counts", ngram())
    recipe = TaskRecipe("x", (Path("a"),), initialize_from=entry.path, extra_words=1)
    with pytest.raises(InvalidInput, match="extra_words: is for word vectors"):
        initial_weights(recipe)
    recipe = TaskRecipe("x", (Path("a"),), initialize_from=entry.path, tokenizer=TokenizerConfig(lowercase=True))
    with pytest.raises(InvalidInput, match="tokenizer: is that of the model"):
        initial_weights(recipe)
    with pytest.raises(InvalidInput, match="a ngram model has none"):
        initial_weights(TaskRecipe("x", (Path("a"),), initialize_from=entry.path))
    assert initial_weights(TaskRecipe("x", (Path("a"),))) is None
