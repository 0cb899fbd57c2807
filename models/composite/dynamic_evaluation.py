"""Dynamic evaluation (Krause, Kahembwe, Murray and Renals 2018): a model that goes on learning from what it has scored.

It knows how weights move after each segment of a text. The weights are a copy, made for one text and thrown away with
it: the model that is served never changes, and nothing here is for generating or for states that are kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from models.composite.cache import CacheModel
from models.composite.config import DynamicConfig
from models.composite.mixture import MixtureModel
from models.errors import InvalidInput
from models.evaluation.metrics import Unit
from models.language_model import Floats, LanguageModel, Lengths, TokenIds
from models.neural.float_backend import FloatBackend
from models.neural.model import RecurrentModel, as_arrays
from models.state import State


def check_dynamic(model: LanguageModel, unit: Unit) -> None:
    """Raise InvalidInput where nothing in `model` can learn, or lines are to be scored each on its own."""
    if unit != "document":
        raise InvalidInput("unit", 'must be "document" in dynamic evaluation, which learns from one line for the next')
    if not _has_trainable_member(model):
        raise InvalidInput("dynamic", f"there is nothing in this {model.kind} model that could learn from a text")


def make_dynamic(model: LanguageModel, config: DynamicConfig, unit: Unit) -> LanguageModel:
    """A copy of `model` that learns from the one text it scores; what is recurrent in a mixture or below a cache does.

    Raises what `check` does.
    """
    check_dynamic(model, unit)
    return _dynamic_copy(model, config)


def _has_trainable_member(model: LanguageModel) -> bool:
    """A neural cache does not: the vectors it remembers would be those of weights that are gone."""
    if isinstance(model, MixtureModel | CacheModel):
        return any(map(_has_trainable_member, model.members))
    return isinstance(model, RecurrentModel)


def _dynamic_copy(model: LanguageModel, config: DynamicConfig) -> LanguageModel:
    if isinstance(model, RecurrentModel):
        return DynamicModel(config, model)
    if isinstance(model, MixtureModel | CacheModel):
        return type(model).from_members(model.config(), [_dynamic_copy(member, config) for member in model.members])
    return model


class DynamicModel(RecurrentModel):
    """A recurrent model whose weights move with each call of `score`, which must be given one text in order."""

    adaptive = True

    def __init__(self, config: DynamicConfig, model: RecurrentModel) -> None:
        architecture = replace(model.architecture, storage="float32")
        copies = {name: weight.astype(np.float32) for name, weight in model.tensors().items()}
        super().__init__(architecture, copies, model.vocabulary_size)
        self._trained_weights = {name: torch.from_numpy(weight.copy()) for name, weight in copies.items()}
        self.dynamic_config = config
        self.chunk_tokens = config.segment
        self._network = cast("FloatBackend", self._backend).network
        self._weights = dict(self._network.named_parameters())
        self._mean_squares = {name: torch.zeros_like(weight) for name, weight in self._weights.items()}
        self._segments = 0

    def score(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> tuple[Floats, State]:
        """Log P [1, T] under the weights as they are, and the vectors after; then the weights move.

        The gradient is that of the mean cross-entropy of these tokens, and goes back no further than them.
        """
        if lengths is not None or len(tokens) != 1:
            raise InvalidInput("unit", 'must be "document" in dynamic evaluation: one text in order')
        if not tokens.size:
            return np.zeros(tokens.shape, np.float32), state
        network = self._network.requires_grad_(True)
        before, ids = tuple(map(torch.from_numpy, as_arrays(state))), torch.from_numpy(tokens)
        outputs, after = network(ids, before)
        hidden = torch.cat([before[0][:, -1:], outputs[:, :-1]], 1)
        scores = network.logprobs(hidden[0]).gather(1, ids.T)[:, 0]
        gradients = torch.autograd.grad(-scores.mean(), list(self._weights.values()))
        network.requires_grad_(False)
        self._update_weights(dict(zip(self._weights, gradients, strict=True)))
        return scores.detach()[None].numpy(), tuple(vectors.detach().numpy() for vectors in after)

    @torch.no_grad()
    def _update_weights(self, gradients: dict[str, Tensor]) -> None:
        """theta += -rate g + decay (theta_trained - theta), for `rms` each weight by its own scale (equation 5).

        The paper takes the mean squares of gradients from the training text; here they are those of this text so far,
        and their mean root is what keeps the quotient small where a weight has hardly moved.
        """
        config = self.dynamic_config
        self._segments += 1
        if config.rule == "sgd":
            for name, weight in self._weights.items():
                weight.sub_(gradients[name], alpha=config.learning_rate)
                weight.lerp_(self._trained_weights[name], config.decay)
            return
        for name, gradient in gradients.items():
            self._mean_squares[name].lerp_(gradient.square(), 1 / self._segments)
        roots = {name: square.sqrt() for name, square in self._mean_squares.items()}
        mean = sum(float(root.sum()) for root in roots.values()) / sum(root.numel() for root in roots.values())
        for name, weight in self._weights.items():
            weight.sub_(gradients[name] / (roots[name] + mean), alpha=config.learning_rate)
            weight.lerp_(self._trained_weights[name], (config.decay / mean * roots[name]).clamp(max=1))
