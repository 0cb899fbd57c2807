"""The networks themselves: embedding, recurrent layers or a window, output layer; the same for training and use.

It knows shapes, gates and which kernel of torch computes them. It does not know how weights are initialised, trained,
stored or served: `initialisation`, `training` and `recurrent` do.

The layer of a feed-forward language model: it sees the last few tokens, and nothing before them.

Bengio et al. 2003, equation (1) without direct connections: f(sum_j W_j e_{t-j} + b). It is what recurrent models were
the answer to, and a recurrent layer in form: what it carries from call to call are the vectors it still sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.neural.config import RecurrentConfig, RecurrentState
from models.neural.dropout import NO_DROPOUT, DropoutHooks


class FeedForwardLayer(nn.Module):
    """One hidden layer [H] over the vectors [E] of the last W tokens."""

    def __init__(self, width: int, inputs: int, outputs: int, nonlinearity: Callable[[Tensor], Tensor]) -> None:
        """`width` is W. The weights are uninitialised; those of the token read last come last."""
        super().__init__()
        self._width, self._nonlinearity = width, nonlinearity
        self.weight = nn.Parameter(torch.empty(outputs, width * inputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(
        self, inputs: Tensor, vectors: tuple[Tensor, ...], noise: DropoutHooks = NO_DROPOUT
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Read [B, T, E] after `vectors`: the last output [B, H], and the last W - 1 inputs [B, (W - 1) E].

        Inputs stand oldest first. Returns the outputs [B, T, H] and the vectors after. No recurrent matrix is there for
        `noise` to disturb.
        """
        del noise
        rows, _, size = inputs.shape
        seen = torch.cat([vectors[1].view(rows, self._width - 1, size), inputs], 1)
        windows = seen.unfold(1, self._width, 1).transpose(2, 3).flatten(2)
        outputs = self._nonlinearity(functional.linear(windows, self.weight, self.bias))
        return outputs, (outputs[:, -1], seen[:, inputs.shape[1] :].flatten(1))


@dataclass(frozen=True)
class _Cell:
    """What tells the families apart."""

    gates: int
    sequence: Callable[..., tuple[Tensor, ...]]
    """Reads [B, T, I]: outputs [B, T, H], then the last vectors [1, B, H]. For an LSTM, oneDNN's fused kernel."""
    step: Callable[..., Any]
    """Reads [B, I]: the vectors [B, H]. Several times faster than `sequence` at one token of one row."""


_CELLS: dict[str, _Cell] = {
    "rnn_tanh": _Cell(1, torch.rnn_tanh, torch.rnn_tanh_cell),
    "rnn_relu": _Cell(1, torch.rnn_relu, torch.rnn_relu_cell),
    "gru": _Cell(3, torch.gru, torch.gru_cell),
    "lstm": _Cell(4, torch.lstm, torch.lstm_cell),
}


class RecurrentLayer(nn.Module):
    """One recurrent layer; gate order and biases as in torch.nn.LSTM and torch.nn.GRU.

    Elman (1990): h' = f(W x + U h + b). LSTM (Hochreiter and Schmidhuber 1997, with forget gates), gates i, f, g, o:
    c' = f c + i g, h' = o tanh(c'). GRU (Cho et al. 2014, reset gate after the product), gates r, z, n:
    n = tanh(W x + b + r (U h + d)), h' = (1 - z) n + z h.
    """

    def __init__(self, config: RecurrentConfig, inputs: int) -> None:
        super().__init__()
        self._cell = _CELLS[f"rnn_{config.nonlinearity}" if config.kind == "rnn" else config.kind]
        rows = self._cell.gates * config.hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, inputs))
        self.weight_hh = nn.Parameter(torch.empty(rows, config.hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))

    def forward(
        self, inputs: Tensor, vectors: RecurrentState, noise: DropoutHooks = NO_DROPOUT
    ) -> tuple[Tensor, RecurrentState]:
        """Read [B, T, I] from vectors [B, H]: outputs [B, T, H] and the vectors after."""
        weights = [self.weight_ih, noise.recurrent_weights(self.weight_hh), self.bias_ih, self.bias_hh]
        if inputs.shape[1] == 1:
            after = self._cell.step(inputs[:, 0], vectors if len(vectors) > 1 else vectors[0], *weights)
            after = after if isinstance(after, tuple) else (after,)
            return after[0][:, None], after
        before = [v[None].contiguous() for v in vectors]
        keep_for_backward = torch.is_grad_enabled()
        outputs, *last = self._cell.sequence(
            inputs, before if len(before) > 1 else before[0], weights, True, 1, 0.0, keep_for_backward, False, True
        )
        return outputs, tuple(v[0] for v in last)


def _layer(config: RecurrentConfig, inputs: int) -> nn.Module:
    """A layer of the kind that is asked for; it reads vectors of size `inputs`."""
    if config.kind != "feedforward":
        return RecurrentLayer(config, inputs)
    nonlinearity = torch.tanh if config.nonlinearity == "tanh" else torch.relu
    return FeedForwardLayer(config.window, inputs, config.hidden_size, nonlinearity)


class Network(nn.Module):
    """Token ids to hidden vectors, and hidden vectors to logits. A new one holds uninitialised numbers."""

    def __init__(self, config: RecurrentConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        inputs = [config.embedding_size] + [config.hidden_size] * (config.layers - 1)
        self.embedding = nn.Parameter(torch.empty(vocabulary_size, config.embedding_size))
        self.layers = nn.ModuleList(_layer(config, size) for size in inputs)
        self.projection: nn.Parameter | None = None
        self.output_weight: nn.Parameter | None = None
        if not config.tied:
            self.output_weight = nn.Parameter(torch.empty(vocabulary_size, config.hidden_size))
        elif config.embedding_size != config.hidden_size:
            self.projection = nn.Parameter(torch.empty(config.embedding_size, config.hidden_size))
        self.output_bias = nn.Parameter(torch.empty(vocabulary_size))

    def forward(
        self, tokens: Tensor, vectors: RecurrentState, noise: DropoutHooks = NO_DROPOUT
    ) -> tuple[Tensor, RecurrentState]:
        """Read tokens [B, T]: the top layer's outputs [B, T, H], and the vectors after, which are free of noise."""
        x = noise.embeddings(functional.embedding(tokens, self.embedding), tokens)
        after: list[RecurrentState] = []
        for i, layer in enumerate(self.layers):
            x, last = layer(x if i == 0 else noise.between_layers(x), tuple(v[:, i] for v in vectors), noise)
            after.append(last)
        return noise.outputs(x), tuple(torch.stack(parts, 1) for parts in zip(*after, strict=True))

    def project(self, outputs: Tensor) -> Tensor:
        """What the output matrix is multiplied with: outputs [..., H], projected where the sizes ask for it."""
        return outputs if self.projection is None else functional.linear(outputs, self.projection)

    @property
    def output_matrix(self) -> Tensor:
        """The output layer's weights [V, E] when tied, [V, H] otherwise."""
        return self.embedding if self.output_weight is None else self.output_weight

    def logits(self, outputs: Tensor) -> Tensor:
        """Unnormalised log-probabilities [N, V] after outputs [N, H]."""
        return functional.linear(self.project(outputs), self.output_matrix, self.output_bias)

    def logprobs(self, outputs: Tensor) -> Tensor:
        """Log-probabilities [N, V] after outputs [N, H]."""
        return self.logits(outputs).log_softmax(-1)

    def named_matrices(self) -> Iterator[tuple[str, nn.Parameter]]:
        """The parameters that are matrices, by name; the others are biases."""
        return ((name, p) for name, p in self.named_parameters() if p.dim() > 1)
