"""Analysis of a network: what its gates do while it reads, and how far back its gradients reach.

`gate_activations` follows an LSTM or a GRU as `models.neural.cells` computes them, for the fused kernels return no
gates. `gradient_norms_by_distance` and `gradient_norms_by_layer` measure vanishing and exploding gradients, in time and
in depth.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.errors import InvalidInput
from models.neural.cells import LayerReading, read_tokens
from models.neural.dropout import DropoutHooks
from models.neural.network import Network
from models.special_tokens import EOS

Activations: TypeAlias = dict[str, float]
"""Measurements of one layer at one token, by name."""


def gate_activations(network: Network, tokens: Tensor) -> list[list[Activations]]:
    """Return mean gate activations and vector norms for each token of a text and each layer.

    `tokens` [T] are read after `</s>`. An LSTM has `input`, `forget` and `output` gates and a `cell_norm`, a GRU
    `reset` and `update`, both a `hidden_norm`: L2 norms of vectors [H]. Raises InvalidInput for networks without gates.
    """
    config = network.config
    if config.kind not in ("lstm", "gru"):
        raise InvalidInput("model", f"must be an lstm or a gru: a network of kind {config.kind} has no gates")
    text = np.concatenate([[EOS], tokens.numpy()])
    zeros = tuple(vectors.numpy() for vectors in network.zero_state(1))
    readings = read_tokens(config, network.arrays(), zeros, text)
    return [[_activations(reading, t) for reading in readings] for t in range(1, len(text))]


def _activations(reading: LayerReading, t: int) -> Activations:
    """Return the activations of a layer at token t."""
    means = {name: float(gate[t].mean()) for name, gate in reading.gates.items()}
    norms = map(float, map(np.linalg.norm, reading.vectors[t]))
    return means | dict(zip(("hidden_norm", "cell_norm"), norms, strict=False))


def gradient_norms_by_distance(network: Network, tokens: Tensor) -> list[float]:
    """Return the norm of the loss's gradient by the embedding k tokens back, k = 0, 1, ..., T - 2.

    `tokens` [B, T] are read from the zero state, each row's last one is predicted, and norms are means over rows. In a
    plain RNN the gradient is a product of a Jacobian for each step (Bengio et al. 1994; Pascanu et al. 2013).
    """
    embeddings: list[Tensor] = []

    def capture(vectors: Tensor, _: Tensor) -> Tensor:
        embeddings.append(vectors.detach().requires_grad_())
        return embeddings[0]

    outputs, _ = network(tokens[:, :-1], network.zero_state(len(tokens)), DropoutHooks(embeddings=capture))
    loss = functional.cross_entropy(network.logits(outputs[:, -1]), tokens[:, -1], reduction="sum")
    (gradient,) = torch.autograd.grad(loss, embeddings)
    norms: list[float] = gradient.norm(dim=2).mean(0).flip(0).tolist()
    return norms


def gradient_norms_by_layer(network: Network, tokens: Tensor) -> list[float]:
    """Return the gradient's norm by the last token's outputs [H] of each layer, top layer first.

    The last number is by the token's embedding. `tokens` [B, T] are read as in `gradient_norms_by_distance`, but the
    gradient is followed through depth: L layers multiply it by L Jacobians (Glorot and Bengio 2010).
    """
    captured: list[Tensor] = []

    def capture(vectors: Tensor) -> Tensor:
        captured.append(vectors if captured else vectors.detach().requires_grad_())
        return captured[-1]

    hooks = DropoutHooks(embeddings=lambda vectors, _: capture(vectors), between_layers=capture, outputs=capture)
    outputs, _ = network(tokens[:, :-1], network.zero_state(len(tokens)), hooks)
    loss = functional.cross_entropy(network.logits(outputs[:, -1]), tokens[:, -1], reduction="sum")
    gradients = torch.autograd.grad(loss, captured)
    return [float(gradient[:, -1].norm(dim=1).mean()) for gradient in reversed(gradients)]
