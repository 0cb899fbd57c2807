"""Networks of torch: embedding, recurrent or feed-forward layers, and output layer.

`Network` maps token ids to hidden vectors, and hidden vectors to log-probabilities; training and float32 inference
share it. Its layers call torch's kernels directly instead of being an `nn.LSTM` or `nn.GRU`: one token of a sequence
then goes through the cell kernel, and many go through the fused one, with the same weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.neural.config import RecurrentConfig
from models.neural.dropout import NO_DROPOUT, DropoutHooks

RecurrentState: TypeAlias = tuple[Tensor, ...]
"""Vectors carried from token to token, sized as `RecurrentConfig.state_sizes` says: the hidden ones first.

[B, L, H] each for a network, [B, H] each for one layer.
"""


@dataclass(frozen=True)
class _Kernels:
    """Kernels of torch for one kind of recurrent layer."""

    gates: int
    """How many gates are stacked in each weight matrix."""
    sequence: Callable[..., tuple[Tensor, ...]]
    """Reads [B, T, I]; returns outputs [B, T, H], then the last vectors [1, B, H]."""
    step: Callable[..., Tensor | tuple[Tensor, ...]]
    """Reads [B, I]; returns the vectors [B, H]. For one token of one row, an LSTM of 256 units takes 74 µs with it
    instead of 980 µs with `sequence`, a fused kernel of oneDNN that packs its weights at each call (one thread)."""


_KERNELS: dict[str, _Kernels] = {
    "rnn_tanh": _Kernels(1, torch.rnn_tanh, torch.rnn_tanh_cell),
    "rnn_relu": _Kernels(1, torch.rnn_relu, torch.rnn_relu_cell),
    "gru": _Kernels(3, torch.gru, torch.gru_cell),
    "lstm": _Kernels(4, torch.lstm, torch.lstm_cell),
}


class RecurrentLayer(nn.Module):
    """A recurrent layer with gate order and biases as in torch.nn.LSTM and torch.nn.GRU.

    Elman (1990): h' = f(W x + U h + b). LSTM (Hochreiter and Schmidhuber 1997, with forget gates), gates i, f, g, o:
    c' = f c + i g, h' = o tanh(c'). GRU (Cho et al. 2014, reset gate after the product), gates r, z, n:
    n = tanh(W x + b + r (U h + d)), h' = (1 - z) n + z h.
    """

    def __init__(self, config: RecurrentConfig, input_size: int) -> None:
        super().__init__()
        self._kernels = _KERNELS[f"rnn_{config.nonlinearity}" if config.kind == "rnn" else config.kind]
        rows = self._kernels.gates * config.hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, config.hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))

    def forward(
        self, inputs: Tensor, state: RecurrentState, hooks: DropoutHooks = NO_DROPOUT
    ) -> tuple[Tensor, RecurrentState]:
        """Read inputs [B, T, I] from a state of vectors [B, H]; return outputs [B, T, H] and the next state."""
        weights = [self.weight_ih, hooks.recurrent_weights(self.weight_hh), self.bias_ih, self.bias_hh]
        if inputs.shape[1] == 1:
            vectors = self._kernels.step(inputs[:, 0], state if len(state) > 1 else state[0], *weights)
            state = vectors if isinstance(vectors, tuple) else (vectors,)
            return state[0][:, None], state
        before = [v[None].contiguous() for v in state]
        keep_for_backward = torch.is_grad_enabled()
        outputs, *last = self._kernels.sequence(
            inputs, before if len(before) > 1 else before[0], weights, True, 1, 0.0, keep_for_backward, False, True
        )
        return outputs, tuple(v[0] for v in last)


class FeedForwardLayer(nn.Module):
    """A hidden layer [H] over the vectors [E] of the last W tokens, without memory beyond them.

    Bengio et al. 2003, equation (1) without direct connections: f(sum_j W_j e_{t-j} + b). Its state is the last output
    and the inputs that the next token's window still covers, so that it is used like a recurrent layer.
    """

    def __init__(self, width: int, inputs: int, outputs: int, nonlinearity: Callable[[Tensor], Tensor]) -> None:
        """Make a layer over W = `width` tokens, with uninitialized weights, those of the newest last."""
        super().__init__()
        self._width, self._nonlinearity = width, nonlinearity
        self.weight = nn.Parameter(torch.empty(outputs, width * inputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(
        self, inputs: Tensor, state: RecurrentState, hooks: DropoutHooks = NO_DROPOUT
    ) -> tuple[Tensor, RecurrentState]:
        """Read inputs [B, T, E] from a state; return outputs [B, T, H] and the next state.

        A state is the last output [B, H], and the last W - 1 inputs [B, (W - 1) E], oldest first. No recurrent matrix
        is there for `hooks` to drop weights of.
        """
        del hooks
        rows, _, size = inputs.shape
        seen = torch.cat([state[1].view(rows, self._width - 1, size), inputs], 1)
        windows = seen.unfold(1, self._width, 1).transpose(2, 3).flatten(2)
        outputs = self._nonlinearity(functional.linear(windows, self.weight, self.bias))
        return outputs, (outputs[:, -1], seen[:, inputs.shape[1] :].flatten(1))


def _layer(config: RecurrentConfig, input_size: int) -> nn.Module:
    """Make a layer of the configured kind that reads vectors of `input_size` numbers."""
    if config.kind != "feedforward":
        return RecurrentLayer(config, input_size)
    nonlinearity = torch.tanh if config.nonlinearity == "tanh" else torch.relu
    return FeedForwardLayer(config.window, input_size, config.hidden_size, nonlinearity)


class Network(nn.Module):
    """Embedding, layers and output layer, uninitialized at first; parameters are named as in a checkpoint."""

    def __init__(self, config: RecurrentConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        input_sizes = [config.embedding_size] + [config.hidden_size] * (config.layers - 1)
        self.embedding = nn.Parameter(torch.empty(vocabulary_size, config.embedding_size))
        self.layers = nn.ModuleList(_layer(config, size) for size in input_sizes)
        self.projection: nn.Parameter | None = None
        self.output_weight: nn.Parameter | None = None
        if not config.tied:
            self.output_weight = nn.Parameter(torch.empty(vocabulary_size, config.hidden_size))
        elif config.embedding_size != config.hidden_size:
            self.projection = nn.Parameter(torch.empty(config.embedding_size, config.hidden_size))
        self.output_bias = nn.Parameter(torch.empty(vocabulary_size))

    def zero_state(self, rows: int) -> RecurrentState:
        """Return the zero vectors [B, L, ...] of `rows` sequences that have read nothing."""
        return tuple(torch.zeros(rows, self.config.layers, size) for size in self.config.state_sizes)

    def forward(
        self, tokens: Tensor, state: RecurrentState, hooks: DropoutHooks = NO_DROPOUT
    ) -> tuple[Tensor, RecurrentState]:
        """Read tokens [B, T]; return the top outputs [B, T, H] and the next state, to which no hook applies."""
        x = hooks.embeddings(functional.embedding(tokens, self.embedding), tokens)
        states: list[RecurrentState] = []
        for i, layer in enumerate(self.layers):
            x, layer_state = layer(x if i == 0 else hooks.between_layers(x), tuple(v[:, i] for v in state), hooks)
            states.append(layer_state)
        return hooks.outputs(x), tuple(torch.stack(vectors, 1) for vectors in zip(*states, strict=True))

    def project(self, outputs: Tensor) -> Tensor:
        """Return what the output matrix multiplies: outputs [..., H], projected where sizes differ."""
        return outputs if self.projection is None else functional.linear(outputs, self.projection)

    @property
    def output_matrix(self) -> Tensor:
        """Weights of the output layer: [V, E] when tied, [V, H] otherwise."""
        return self.embedding if self.output_weight is None else self.output_weight

    def logits(self, outputs: Tensor) -> Tensor:
        """Return unnormalized log-probabilities [N, V] after outputs [N, H]."""
        return functional.linear(self.project(outputs), self.output_matrix, self.output_bias)

    def logprobs(self, outputs: Tensor) -> Tensor:
        """Return log-probabilities [N, V] in nats after outputs [N, H]."""
        return self.logits(outputs).log_softmax(-1)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights by name, as `RecurrentModel` takes them; they share the network's memory."""
        return {name: tensor.numpy() for name, tensor in self.state_dict().items()}

    def named_matrices(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the parameters that are matrices with their names; the others are biases."""
        return ((name, p) for name, p in self.named_parameters() if p.dim() > 1)
