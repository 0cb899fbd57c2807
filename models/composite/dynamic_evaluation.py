"""Dynamic evaluation (Krause, Kahembwe, Murray and Renals 2018): a model that goes on learning from what it has scored.

It knows how weights move after each segment of a text. The weights are a copy, made for one text and thrown away with
it: the model that is served never changes, and nothing here is for generating or for states that are kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from models.composite.cache import CacheModel
from models.composite.config import DynamicConfig
from models.composite.mixture import MixtureModel
from models.errors import InvalidInput
from models.evaluation.evaluator import Unit
from models.language_model import LanguageModel
from models.neural.model import FloatBackend, RecurrentModel, as_arrays
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
        self._trained_weights = {name: tensor.float() for name, tensor in model.tensors().items()}
        architecture = replace(model.architecture, storage="float32")
        copies = {name: tensor.clone() for name, tensor in self._trained_weights.items()}
        super().__init__(architecture, copies, model.vocabulary_size)
        self.dynamic_config = config
        self.chunk_tokens = config.segment
        self._network = cast("FloatBackend", self._compute).network
        self._weights = dict(self._network.named_parameters())
        self._mean_squares = {name: torch.zeros_like(weight) for name, weight in self._weights.items()}
        self._segments = 0

    @torch.inference_mode(False)  # which a mixture computes in
    def score(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Log P [1, T] under the weights as they are, and the vectors after; then the weights move.

        The gradient is that of the mean cross-entropy of these tokens, and goes back no further than them.
        """
        if lengths is not None or len(tokens) != 1:
            raise InvalidInput("unit", 'must be "document" in dynamic evaluation: one text in order')
        if not tokens.numel():
            return torch.zeros(tokens.shape), state
        network = self._network.requires_grad_(True)
        before = tuple(torch.from_numpy(each.copy()) for each in as_arrays(state))
        tokens = tokens.clone()
        with torch.enable_grad():
            outputs, after = network(tokens, before)
            hidden = torch.cat([before[0][:, -1:], outputs[:, :-1]], 1)
            scores = network.logits(hidden[0]).log_softmax(-1).gather(1, tokens.T)[:, 0]
            gradients = torch.autograd.grad(-scores.mean(), list(self._weights.values()))
        network.requires_grad_(False)
        self._update_weights(dict(zip(self._weights, gradients, strict=True)))
        return scores.detach()[None], tuple(each.detach().numpy() for each in after)

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
