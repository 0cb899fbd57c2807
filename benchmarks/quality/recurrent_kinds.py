"""Newer recurrent layers beside the LSTM: perplexity after as much processor time.

python -m benchmarks.quality.recurrent_kinds TRAIN VALID. Everything but the layers is as in `choices`, at a higher peak
rate. What a step costs is measured first, of all kinds in turns; then each is trained, in one cycle, for as many epochs
as the LSTM's time buys. In the minGRU, minLSTM, SRU and QRNN nothing but a running mean depends on the step before:
matrix products are of a whole window, and the mean is a compiled loop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias, cast

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx
from torch.nn.functional import linear, logsigmoid

from benchmarks.quality._pretokenized import encode
from benchmarks.quality.ptb import TRAINING
from benchmarks.speed._timing import in_turn
from models.data.bptt_batches import TokenIds
from models.kernels.jit import Floats, compiled
from models.neural.config import RecurrentConfig
from models.neural.dropout import NO_DROPOUT, DropoutHooks
from models.neural.int8.cells import sigmoid
from models.neural.network import Network, RecurrentLayer, RecurrentState
from models.neural.training.config import TrainingConfig
from models.neural.training.initialization import initialize
from models.neural.training.trainer import Trainer
from models.neural.training.weights import TrainedWeights
from models.threads import set_thread_count

LEARNING_RATE = 8e-3
"""Peak of the schedule."""
ROWS, WINDOW = 16, 64
"""Rows of the measured text, and tokens of each that are read at a time."""
TURNS = 10
"""How often a step of each kind is timed."""
Read: TypeAlias = "tuple[Tensor, RecurrentState]"
"""Outputs [B, T, H] of a layer, and its next state."""


@compiled
def _mean(gates: Floats, values: Floats, peephole: Floats, before: Floats, share: Floats, mean: Floats) -> None:
    """Fill `share` and `mean` [B, T, H]: the f and the h of RunningMean."""
    for row in range(len(gates)):
        past = before[row]
        for t in range(gates.shape[1]):
            gate, value, f, h = gates[row, t], values[row, t], share[row, t], mean[row, t]
            for j in range(len(past)):
                f[j] = sigmoid(gate[j] + peephole[j] * past[j])
                h[j] = value[j] + f[j] * (past[j] - value[j])
            past = h


@compiled
def _mean_gradient(
    values: Floats, peephole: Floats, before: Floats, share: Floats, mean: Floats, of_mean: Floats,
    of_gates: Floats, of_values: Floats, of_peephole: Floats, of_before: Floats,
) -> None:  # fmt: skip
    """Fill the last four arrays, zero at first, with gradients from that of `mean`."""
    for row in range(len(values)):
        carry = of_before[row]
        for t in range(values.shape[1] - 1, -1, -1):
            past = mean[row, t - 1] if t else before[row]
            value, f, of_h = values[row, t], share[row, t], of_mean[row, t]
            of_gate, of_value = of_gates[row, t], of_values[row, t]
            for j in range(len(carry)):
                carry[j] += of_h[j]
                of_value[j] = carry[j] - carry[j] * f[j]
                of_gate[j] = of_value[j] * f[j] * (past[j] - value[j])
                of_peephole[j] += of_gate[j] * past[j]
                carry[j] = carry[j] * f[j] + of_gate[j] * peephole[j]


class RunningMean(Function):
    """Running mean h' = f h + (1 - f) u with f = sigmoid(g + p h).

    Gates g and values u are [B, T, H], the peephole p is [H], and the first h is [B, H].
    """

    @staticmethod
    def forward(ctx: FunctionCtx, gates: Tensor, values: Tensor, peephole: Tensor, before: Tensor) -> Tensor:
        """Return the mean after each token [B, T, H]."""
        inputs = [tensor.detach().contiguous() for tensor in (gates, values, peephole, before)]
        share, mean = torch.empty(gates.shape), torch.empty(gates.shape)
        _mean(*(tensor.numpy() for tensor in (*inputs, share, mean)))
        ctx.save_for_backward(*inputs[1:], share, mean)
        return mean

    @staticmethod
    def backward(ctx: FunctionCtx, *outer: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of the four inputs."""
        saved: tuple[Tensor, ...] = ctx.saved_tensors  # type: ignore[attr-defined]  # torch adds it at run time
        gradients = [torch.zeros_like(tensor) for tensor in (saved[0], *saved[:3])]
        _mean_gradient(*(tensor.numpy() for tensor in (*saved, outer[0].contiguous(), *gradients)))
        return tuple(gradients)


class MinGRU(nn.Module):
    """Layer h' = (1 - z) h + z u with z = sigmoid(W x + b) and u = V x + d (Feng et al. 2024, section 3.1)."""

    gates, window = 2, 1
    """Matrices that are stacked in one; tokens that it reads at a time."""

    def __init__(self, config: RecurrentConfig, input_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(self.gates * config.hidden_size, self.window * input_size))
        self.bias = nn.Parameter(torch.empty(len(self.weight)))
        self.register_buffer("no_peephole", torch.zeros(config.hidden_size), persistent=False)

    def stacked(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Multiply the inputs with each of the stacked matrices."""
        return linear(inputs, self.weight, self.bias).chunk(self.gates, 2)

    def mean(self, gates: Tensor, values: Tensor, before: Tensor, peephole: Tensor | None = None) -> Tensor:
        """Return the running mean after each token."""
        weights = self.no_peephole if peephole is None else peephole
        return cast("Tensor", RunningMean.apply(gates, values, weights, before))  # type: ignore[no-untyped-call]

    def forward(self, inputs: Tensor, state: RecurrentState, _: DropoutHooks = NO_DROPOUT) -> Read:
        """Read inputs as a RecurrentLayer does."""
        gates, values = self.stacked(inputs)
        outputs = self.mean(gates, values, state[0])
        return outputs, (outputs[:, -1],)


class MinLSTM(MinGRU):
    """Layer h' = (f h + i u) / (f + i) with f, i and u of the input alone (Feng et al. 2024, section 3.2)."""

    gates = 3

    def forward(self, inputs: Tensor, state: RecurrentState, _: DropoutHooks = NO_DROPOUT) -> Read:
        """Read inputs as a RecurrentLayer does; f / (f + i) is the sigmoid of log f - log i."""
        forget, enter, values = self.stacked(inputs)
        outputs = self.mean(logsigmoid(forget) - logsigmoid(enter), values, state[0])
        return outputs, (outputs[:, -1],)


class SRU(MinGRU):
    """Running mean c with peepholes, and a highway around it: h = r c + (1 - r) x sqrt(3) (Lei et al. 2018)."""

    gates = 3

    def __init__(self, config: RecurrentConfig, input_size: int) -> None:
        super().__init__(config, input_size)
        self.peepholes = nn.ParameterList(nn.Parameter(torch.empty(config.hidden_size)) for _ in range(2))

    def forward(self, inputs: Tensor, state: RecurrentState, _: DropoutHooks = NO_DROPOUT) -> Read:
        """Read inputs as a RecurrentLayer does."""
        forget, reset, values = self.stacked(inputs)
        cells = self.mean(forget, values, state[0], self.peepholes[0])
        past = torch.cat([state[0][:, None], cells[:, :-1]], 1)
        share = (reset + self.peepholes[1] * past).sigmoid()
        return torch.lerp(inputs * math.sqrt(3), cells, share), (cells[:, -1],)


class QRNN(MinGRU):
    """Running mean of convolutions over two tokens, with an output gate (Bradbury et al. 2017, fo-pooling)."""

    gates, window = 3, 2

    def forward(self, inputs: Tensor, state: RecurrentState, _: DropoutHooks = NO_DROPOUT) -> Read:
        """Read inputs as a RecurrentLayer does; a state holds the mean and the last input."""
        past = torch.cat([state[1][:, None], inputs[:, :-1]], 1)
        forget, output, values = self.stacked(torch.cat([past, inputs], 2))
        cells = self.mean(forget, values.tanh(), state[0])
        return cells * output.sigmoid(), (cells[:, -1], inputs[:, -1])


class Mogrifier(nn.Module):
    """LSTM whose input and hidden vector gate each other first, in four rounds (Melis et al. 2020)."""

    def __init__(self, config: RecurrentConfig, size: int) -> None:
        super().__init__()
        self.rounds = nn.ParameterList(nn.Parameter(torch.empty(size, size)) for _ in range(4))
        self.weight_ih = nn.Parameter(torch.empty(4 * config.hidden_size, size))
        self.weight_hh = nn.Parameter(torch.empty(4 * config.hidden_size, size))
        self.bias = nn.Parameter(torch.empty(4 * config.hidden_size))

    def forward(self, inputs: Tensor, state: RecurrentState, hooks: DropoutHooks = NO_DROPOUT) -> Read:
        """Read inputs as a RecurrentLayer does."""
        (hidden, memory), outputs = state, []
        weight = torch.cat([self.weight_ih, hooks.recurrent_weights(self.weight_hh)], 1)
        for token in inputs.unbind(1):
            x = token
            for matrix in self.rounds:  # the one just gated gates the other
                hidden, x = x * 2 * linear(hidden, matrix).sigmoid(), hidden
            gates, value = linear(torch.cat([x, hidden], 1), weight, self.bias).tensor_split((3 * x.shape[1],), 1)
            enter, forget, output = gates.sigmoid().chunk(3, 1)
            memory = forget * memory + enter * value.tanh()
            hidden = output * memory.tanh()
            outputs.append(hidden)
        return torch.stack(outputs, 1), (hidden, memory)


class Kind(NamedTuple):
    """Layers of a network, and how many vectors of H numbers each carries from token to token."""

    layer: Callable[[RecurrentConfig, int], nn.Module]
    vectors: int
    layers: int = 2


KINDS = {
    "LSTM": Kind(RecurrentLayer, 2),
    "GRU": Kind(RecurrentLayer, 1),
    "minGRU": Kind(MinGRU, 1),
    "minLSTM": Kind(MinLSTM, 1),
    "SRU, 4 layers": Kind(SRU, 1, 4),
    "QRNN": Kind(QRNN, 2),
    "mogrifier LSTM": Kind(Mogrifier, 2),
}


class KindTrainer(Trainer):
    """Training of a network of layers of another kind."""

    def __init__(self, kind: Kind, size: int, how: TrainingConfig, tokens: TokenIds, vocabulary_size: int) -> None:
        config = RecurrentConfig("lstm" if kind.vectors == 2 else "gru", "tanh", kind.layers, size, size)
        super().__init__(config, how, tokens, vocabulary_size)
        self.network.layers = nn.ModuleList(kind.layer(config, size) for _ in range(kind.layers))
        counts = np.bincount(tokens, minlength=vocabulary_size)
        initialize(self.network, how.initialisation, how.initial_scale, counts, self._random)
        self.weights = TrainedWeights(self.network, how, self.steps)

    def seconds(self, steps: int) -> float:
        """Make some steps; return the processor time that they took."""
        began = time.process_time()
        for _ in range(steps):
            self.advance()
        return time.process_time() - began


@torch.no_grad()
def perplexity(network: Network, tokens: TokenIds) -> float:
    """Return the perplexity of a text that is read in some rows side by side, on the whole softmax."""
    width = (len(tokens) - 1) // ROWS
    places = np.arange(ROWS)[:, None] * width + np.arange(width + 1)
    text = torch.from_numpy(tokens[places].astype(np.int64))
    state, losses = network.zero_state(ROWS), []
    for begin in range(0, width, WINDOW):
        targets = text[:, begin + 1 : begin + 1 + WINDOW]
        outputs, state = network(text[:, begin : begin + targets.shape[1]], state)
        losses.append(-network.logprobs(outputs.flatten(0, 1)).gather(1, targets.reshape(-1, 1)))
    return math.exp(float(torch.cat(losses).double().mean()))


@click.command()
@click.argument("text", type=Path)
@click.argument("valid", type=Path)
@click.option("--only", multiple=True, type=click.Choice(tuple(KINDS)), help="May be repeated. [default: all]")
@click.option("--part", default=0.25, show_default=True, help="Of the text, from its beginning.")
@click.option("--held-out", default=24_577, show_default=True, help="Tokens of VALID, from its beginning.")
@click.option("--size", default=160, show_default=True, help="Of embeddings and hidden vectors.")
@click.option("--epochs", default=8.0, show_default=True, help="Of the LSTM.")
@click.option("--threads", default=1, show_default=True)
def main(
    text: Path, valid: Path, only: tuple[str, ...], part: float, held_out: int, size: int, epochs: float, threads: int
) -> None:
    """Print what a step of each kind costs, and what it reaches in the LSTM's time."""
    set_thread_count(threads)
    vocabulary_size, (tokens, measured) = encode(text, valid)
    tokens, measured = tokens[: round(part * len(tokens))], measured[:held_out]
    how = replace(TRAINING, epochs=epochs, learning_rate=LEARNING_RATE)

    def trainer(name: str, cost: float = 1.0) -> KindTrainer:
        return KindTrainer(KINDS[name], size, replace(how, epochs=epochs / cost), tokens, vocabulary_size)

    times = in_turn({name: partial(trainer(name).seconds, 2) for name in KINDS}, TURNS, time.process_time)
    costs = {name: median_time / times["LSTM"] for name, median_time in times.items()}
    for name in only or KINDS:
        training = trainer(name, costs[name])
        spent = training.seconds(training.steps)
        parameters = sum(matrix.numel() for matrix in training.network.parameters())
        reached = perplexity(training.network, measured)
        click.echo(
            f"{name:28}{costs[name]:6.2f} of a step of the LSTM, {epochs / costs[name]:5.1f} epochs{reached:9.2f}"
            f"{parameters:12,} parameters{spent:7,.0f} CPU-seconds"
        )


if __name__ == "__main__":
    main()
