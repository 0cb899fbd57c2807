"""Analysis of a network: what its gates do while it reads, and how far back its gradients reach.

`gate_activations` computes the gates of an LSTM or a GRU, which the fused kernels do not return, from the equations in
`RecurrentLayer`. `gradient_norms_by_distance` measures vanishing and exploding gradients.
"""

from __future__ import annotations

from typing import TypeAlias, cast

import torch
from torch import Tensor
from torch.nn import functional

from models.errors import InvalidInput
from models.neural.dropout import DropoutHooks
from models.neural.network import Network, RecurrentLayer
from models.special_tokens import EOS

Activations: TypeAlias = dict[str, float]
"""Measurements of one layer at one token, by name."""


@torch.no_grad()
def gate_activations(network: Network, tokens: Tensor) -> list[list[Activations]]:
    """Return mean gate activations and vector norms for each token of a text and each layer.

    `tokens` [T] are read after `</s>`. An LSTM has `input`, `forget` and `output` gates and a `cell_norm`, a GRU
    `reset` and `update`, both a `hidden_norm`: L2 norms of vectors [H]. Raises InvalidInput for networks without gates.
    """
    if network.config.kind not in ("lstm", "gru"):
        raise InvalidInput("model", f"must be an lstm or a gru: a network of kind {network.config.kind} has no gates")
    text = torch.cat([torch.tensor([EOS]), tokens])[None]
    inputs = functional.embedding(text, network.embedding)
    by_layer = []
    for layer in network.layers:
        inputs, activations = _layer_activations(cast("RecurrentLayer", layer), inputs, network.config.kind)
        by_layer.append(activations[1:])
    return [list(layers) for layers in zip(*by_layer, strict=True)]


def _layer_activations(layer: RecurrentLayer, inputs: Tensor, kind: str) -> tuple[Tensor, list[Activations]]:
    """Return a layer's outputs [1, T, H], and its activations at each token."""
    size = layer.weight_hh.shape[1]
    zeros = torch.zeros(1, size)
    outputs, _ = layer(inputs, (zeros, zeros) if kind == "lstm" else (zeros,))
    previous = torch.cat([zeros, outputs[0, :-1]])
    from_input = functional.linear(inputs[0], layer.weight_ih, layer.bias_ih)
    sums = torch.split(from_input + functional.linear(previous, layer.weight_hh, layer.bias_hh), size, 1)
    if kind == "gru":
        columns = {"reset": sums[0].sigmoid().mean(1), "update": sums[1].sigmoid().mean(1)}
    else:
        i, f, o = (sums[k].sigmoid() for k in (0, 1, 3))
        columns = {name: gate.mean(1) for name, gate in (("input", i), ("forget", f), ("output", o))}
        columns["cell_norm"] = _cells(f, i * sums[2].tanh()).norm(dim=1)
    columns["hidden_norm"] = outputs[0].norm(dim=1)
    values = {name: column.tolist() for name, column in columns.items()}
    return outputs, [{name: column[t] for name, column in values.items()} for t in range(len(previous))]


def _cells(forget: Tensor, added: Tensor) -> Tensor:
    """Return the cells [T, H] of an LSTM from zero on: c' = f c + added."""
    cells, cell = [], torch.zeros(forget.shape[1])
    for f, new in zip(forget, added, strict=True):
        cell = f * cell + new
        cells.append(cell)
    return torch.stack(cells)


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
