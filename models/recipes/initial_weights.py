"""Weights that a recipe's `initialize_from` names: word vectors, or those of a published model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.checkpoint.load import Checkpoint, load
from models.data.word_vectors import WordVectorFile
from models.errors import InvalidInput
from models.model import Tensors
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import encoder_shapes
from models.neural.model import RecurrentModel
from models.recipes.task_recipe import TaskRecipe
from models.tasks.encoder_model import EncoderModel
from models.tasks.training.initial_weights import InitialWeights, WordVectors
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

_Arrays = Mapping[str, NDArray[np.floating[Any]]]


def initial_weights(recipe: TaskRecipe) -> InitialWeights | None:
    """Return the weights that a recipe begins with, or None where all are random.

    Raises InvalidInput where they do not fit the recipe, InvalidText for a fault in a file, CheckpointError.
    """
    path, encoder = recipe.initialize_from, recipe.encoder
    if path is None or encoder is None:
        return None
    if not path.is_dir():
        return FileVectors(WordVectorFile.open(path, recipe.vector_words), encoder, recipe.extra_words)
    return model_weights(recipe, encoder, load(path))


def model_weights(recipe: TaskRecipe, encoder: EncoderConfig, origin: Checkpoint) -> ModelWeights:
    """Return the weights that a recipe takes from a published model; raises as `initial_weights` does."""
    for name in ("vector_words", "extra_words"):
        if getattr(recipe, name):
            raise InvalidInput(name, "is for word vectors: leave it out")
    if recipe.tokenizer != TokenizerConfig():
        raise InvalidInput("tokenizer", "is that of the model that the training begins with: leave it out")
    return ModelWeights(origin, encoder)


class FileVectors(InitialWeights):
    """Word vectors of a file; those of the vocabulary alone are read, when there is one."""

    def __init__(self, file: WordVectorFile, encoder: EncoderConfig, extra_words: int) -> None:
        """Take vectors of a file. Raises InvalidInput where their size is not that of the encoder."""
        _check_size(encoder, file.size)
        self._file = file
        self.extra_words = file.words(extra_words)

    def arrays(self, tokenizer: Tokenizer) -> _Arrays:
        """Return the vectors of the vocabulary's words; only those are read from the file."""
        vocabulary = set(tokenizer.vocabulary)
        words, vectors = self._file.read(vocabulary | {word.lower() for word in vocabulary})
        return WordVectors(words, vectors).arrays(tokenizer)


class ModelWeights(InitialWeights):
    """Weights of a model with the same tokenizer: its embedding, and the layers that fit the encoder.

    A language model gives the layers of its direction, as far as cell and sizes are the same: above the first layer,
    only where the encoder keeps its directions apart or has that one alone.
    """

    def __init__(self, origin: Checkpoint, encoder: EncoderConfig) -> None:
        """Take the weights of a model. Raises InvalidInput where it has none, or vectors of another size."""
        self.tokenizer = origin.tokenizer
        known = _encoder_tensors(origin, encoder)
        _check_size(encoder, known["embedding"].shape[1])
        wanted = encoder_shapes(encoder, origin.tokenizer.vocabulary_size, alphabet_size=1)
        unfit = {_part(name) for name, shape in wanted.items() if name not in known or known[name].shape != shape}
        taken = {name for name in wanted if not any(_lies_in_or_above(_part(name), part) for part in unfit)}
        self._arrays = {name: known[name].astype(np.float32) for name in taken}

    @property
    def parts(self) -> list[str]:
        """The parts of the encoder that begin with known weights, as `forward_layers.0`."""
        return sorted({_part(name) for name in self._arrays})

    def arrays(self, tokenizer: Tokenizer) -> _Arrays:
        """Return the weights that were taken from the model."""
        del tokenizer  # it is that of the model
        return self._arrays


def _encoder_tensors(origin: Checkpoint, encoder: EncoderConfig) -> Tensors:
    """Return a model's tensors under an encoder's names; the embedding alone where the cells differ."""
    model, direction = origin.model, "backward" if origin.card.reads_backward else "forward"
    if isinstance(model, EncoderModel):
        tensors, cell = model.encoder.tensors(), _cell(model.encoder.architecture)
        # Its alphabet is its own.
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("characters.")}
    elif isinstance(model, RecurrentModel):
        tensors, cell = model.tensors(), (model.architecture.kind, model.architecture.nonlinearity)
        tensors = {f"{direction}_{n}" if n.startswith("layers.") else n: tensor for n, tensor in tensors.items()}
    else:
        raise InvalidInput("initialize_from", f"must be a model with word vectors, and a {model.kind} model has none")
    same = cell == _cell(encoder) or (cell[0] == encoder.cell and encoder.cell != "rnn")
    return tensors if same else {"embedding": tensors["embedding"]}


def _cell(encoder: EncoderConfig) -> tuple[str, str]:
    return encoder.cell, encoder.nonlinearity


def _part(name: str) -> str:
    """Return the part of an encoder that a tensor belongs to, as `embedding` or `forward_layers.0`."""
    return name.rpartition(".")[0] or name


def _lies_in_or_above(part: str, below: str) -> bool:
    """Tell whether a part is `below` itself, or a higher layer of the same direction."""
    direction, _, layer = part.rpartition(".")
    lower_direction, _, lower = below.rpartition(".")
    return part == below or (bool(direction) and direction == lower_direction and int(layer) > int(lower))


def _check_size(encoder: EncoderConfig, size: int) -> None:
    if encoder.embedding_size != size:
        raise InvalidInput("encoder.embedding_size", f"must be {size}, the size of the vectors to begin with")
