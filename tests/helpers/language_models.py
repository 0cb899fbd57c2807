"""Small models of each family, with one tokenizer, for tests that compare families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.checkpoint.card import Provenance
from models.checkpoint.families import FAMILIES, FAMILIES_BY_PRECISION
from models.checkpoint.repository import CheckpointRef
from models.checkpoint.save import save
from models.composite.base import Composite
from models.composite.config import MixtureConfig
from models.composite.mixture import MixtureModel
from models.language_model import LanguageModel
from models.model import Tensors
from models.neural.config import RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.model import RecurrentModel
from models.neural.network import Network
from models.neural.training.initialization import initialize
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.special_tokens import EOS
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.toy import Bigram

TOKENIZER = Tokenizer.train(TokenizerConfig(), ["a b c d e f g h i j\n"])


V = TOKENIZER.vocabulary_size


def text_ids() -> np.ndarray:
    """Lines of a Markov chain that favours the next few letters, and never says the last one."""
    numbers, ids, last = np.random.default_rng(1), [], 2
    for _ in range(2000):
        last = EOS if numbers.random() < 0.15 else 2 + (last + int(numbers.geometric(0.5))) % (V - 3)
        ids.append(last)
    return np.array([*ids, EOS], np.int32)


def ngram(smoothing: str, order: int = 3, **limits: Any) -> NgramModel:
    config = NgramConfig(order=order, smoothing=smoothing, delta=0.5, **limits)
    return NgramModel(config, estimate_from_tokens(config, text_ids(), V))


def recurrent(
    kind: str, nonlinearity: str = "tanh", family: type[RecurrentModel] = RecurrentModel, **sizes: Any
) -> RecurrentModel:
    config = RecurrentConfig(kind, nonlinearity, **{"layers": 2, "embedding_size": 6, "hidden_size": 8, **sizes})
    network = Network(config, V)
    counts = np.bincount(text_ids(), minlength=V)
    initialize(network, "uniform", 0.8, counts, torch.Generator().manual_seed(2))
    return family(config, arrays(network), V)


def arrays(network: Network) -> Tensors:
    """The network's weights, as a model takes them."""
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def mixture(weights: tuple[float, ...], *members: LanguageModel) -> MixtureModel:
    return MixtureModel(MixtureConfig(weights), members)


def families(model: LanguageModel) -> dict[str, type[LanguageModel]]:
    """What reads this model's checkpoint as a model of its kind."""
    families = FAMILIES_BY_PRECISION["int8"] if isinstance(model, Int8Model) else FAMILIES
    return {**families, "toy": Bigram}


def published(root: Path, model: LanguageModel, name: str = "model") -> CheckpointRef:
    """The model's checkpoint, after those of its members."""
    parts = model.members if isinstance(model, Composite) else ()
    members = [published(root, part, f"{name}-{i}") for i, part in enumerate(parts)]
    none = Provenance("none", "none")
    return save(root, name, model, TOKENIZER, none, members=members, families=families(model))
