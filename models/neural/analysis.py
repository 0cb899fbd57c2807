"""What the gates of an LSTM or a GRU do while it reads a text, and how large its vectors grow.

The equations of the cells are those of `network.RecurrentLayer`.

How far back a gradient reaches: what a network learns at one token about those it read before.

It knows networks and gradients. It does not know texts or how the networks were trained.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from models.errors import InvalidInput
from models.neural.dropout import DropoutHooks
from models.neural.network import Network, RecurrentLayer
from models.special_tokens import EOS

Activations = dict[str, float]


@torch.no_grad()
def gate_activations(network: Network, tokens: Tensor) -> list[list[Activations]]:
    """For each of `tokens` [T], read after `</s>`, and each layer: how far each gate is open on average, and norms.

    An LSTM has `input`, `forget` and `output` gates and a `cell_norm`, a GRU `reset` and `update`, both a
    `hidden_norm`: L2 norms of vectors [H]. Raises InvalidInput for networks without gates.
    """
    if network.config.kind not in ("lstm", "gru"):
        raise InvalidInput("model", f"must be an lstm or a gru: a network of kind {network.config.kind} has no gates")
    read = torch.cat([torch.tensor([EOS]), tokens])[None]
    inputs = functional.embedding(read, network.embedding)
    layers = []
    for layer in network.layers:
        inputs, openings = _layer(cast("RecurrentLayer", layer), inputs, network.config.kind)
        layers.append(openings[1:])
    return [list(at) for at in zip(*layers, strict=True)]


def _layer(layer: RecurrentLayer, inputs: Tensor, kind: str) -> tuple[Tensor, list[Activations]]:
    """A layer's outputs [1, T, H], and what happened in it at each token."""
    size = layer.weight_hh.shape[1]
    blank = torch.zeros(1, size)
    outputs, _ = layer(inputs, (blank, blank) if kind == "lstm" else (blank,))
    before = torch.cat([blank, outputs[0, :-1]])
    by_input = functional.linear(inputs[0], layer.weight_ih, layer.bias_ih)
    sums = torch.split(by_input + functional.linear(before, layer.weight_hh, layer.bias_hh), size, 1)
    if kind == "gru":
        told = {"reset": sums[0].sigmoid().mean(1), "update": sums[1].sigmoid().mean(1)}
    else:
        i, f, o = (sums[k].sigmoid() for k in (0, 1, 3))
        told = {name: gate.mean(1) for name, gate in (("input", i), ("forget", f), ("output", o))}
        told["cell_norm"] = _cells(f, i * sums[2].tanh()).norm(dim=1)
    told["hidden_norm"] = outputs[0].norm(dim=1)
    columns = {name: values.tolist() for name, values in told.items()}
    return outputs, [{name: column[t] for name, column in columns.items()} for t in range(len(before))]


def _cells(forget: Tensor, added: Tensor) -> Tensor:
    """The cells [T, H]: c' = f c + what is added, from zero on."""
    cells, c = [], torch.zeros(forget.shape[1])
    for f, new in zip(forget, added, strict=True):
        c = f * c + new
        cells.append(c)
    return torch.stack(cells)


def gradient_norms_by_distance(network: Network, tokens: Tensor) -> list[float]:
    """The norm of the loss's gradient by the vector of the token k steps before the last, k = 0, 1, ..., T - 2.

    `tokens` [B, T] are read from blank vectors, the last one of each row is predicted; the mean over rows. In a plain
    recurrent network it is a product of as many Jacobians as there are steps (Bengio et al. 1994; Pascanu et al. 2013).
    """
    read: list[Tensor] = []

    def capture(vectors: Tensor, _: Tensor) -> Tensor:
        read.append(vectors.detach().requires_grad_())
        return read[0]

    outputs, _ = network(tokens[:, :-1], network.config.zero(len(tokens)), DropoutHooks(embeddings=capture))
    loss = functional.cross_entropy(network.logits(outputs[:, -1]), tokens[:, -1], reduction="sum")
    (gradient,) = torch.autograd.grad(loss, read)
    norms: list[float] = gradient.norm(dim=2).mean(0).flip(0).tolist()
    return norms
