"""Dynamic evaluation: a model goes on learning from the text it scores (Krause et al. 2018).

`make_dynamic` copies a model for one text and throws the copy away with it: a served model never changes, and a dynamic
one is neither for generation nor for states that are kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from models.composite.base import Composite, check_dynamic
from models.composite.config import DynamicConfig
from models.errors import InvalidInput
from models.evaluation.metrics import Unit
from models.language_model import LanguageModel
from models.model import Floats, Lengths, TokenIds
from models.neural.float_backend import FloatBackend
from models.neural.model import RecurrentModel, as_arrays
from models.state import State


def make_dynamic(model: LanguageModel, config: DynamicConfig, unit: Unit) -> LanguageModel:
    """Copy `model` so that its recurrent members learn from the copy's one text; see `check_dynamic`."""
    check_dynamic(model, unit)
    return _dynamic_copy(model, config)


def _dynamic_copy(model: LanguageModel, config: DynamicConfig) -> LanguageModel:
    if isinstance(model, RecurrentModel):
        return DynamicModel(config, model)
    if isinstance(model, Composite) and model.can_learn:
        return type(model).from_members(model.config(), [_dynamic_copy(member, config) for member in model.members])
    return model


class DynamicModel(RecurrentModel):
    """A recurrent model whose weights move at each call of `score`, which reads one text in order."""

    adaptive = True

    def __init__(self, config: DynamicConfig, model: RecurrentModel) -> None:
        """Copy the weights of `model`; all chunks have `config.segment` tokens."""
        weights = {name: weight.astype(np.float32) for name, weight in model.tensors().items()}
        super().__init__(replace(model.architecture, storage="float32"), weights, model.vocabulary_size)
        self.dynamic_config = config
        self.chunk_tokens = config.segment
        self._trained_weights = {name: torch.from_numpy(weight.copy()) for name, weight in weights.items()}
        self._network = cast("FloatBackend", self._backend).network
        self._weights = dict(self._network.named_parameters())
        self._mean_squares = {name: torch.zeros_like(weight) for name, weight in self._weights.items()}
        self._segments = 0

    def score(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> tuple[Floats, State]:
        """Return log P [1, T] under the present weights, and the state after; then move the weights.

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
        """Move the weights theta against the gradient g, and back towards the trained weights (equation 5).

        theta += -rate g + decay (theta_trained - theta), for `rms` each weight by a scale of its own. The paper takes
        the mean squares of gradients from the training text; here they are those of this text so far, and their mean
        root is what keeps the quotient small where a weight has hardly moved.
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
