"""Int8 beside float32 and torch's int8 kernels: milliseconds of a decode step, and perplexity.

A step reads a token in each row and gives the whole next distribution. Candidates take turns, so that whatever else the
machine does slows them alike. The network's numbers are random, since speed does not depend on what they mean; the
perplexity is that of a checkpoint.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import load
from models.evaluation.evaluator import evaluate
from models.evaluation.metrics import Unit
from models.neural.config import NetworkKind, RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.model import RecurrentModel
from models.neural.network import Network
from models.neural.training.initialization import initialize
from models.threads import set_thread_count
from models.utils.progress import run_to_completion

Step = Callable[[], object]


def model_step(model: RecurrentModel, rows: int) -> Step:
    state, token = model.begin_state(rows), np.full((rows, 1), 2)
    return lambda: model.logprobs(model.advance(state, token))


class Plain(nn.Module):
    """Network of torch's own layers, which torch can quantize."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        config = network.config
        self.embedding = network.embedding
        layers = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[config.kind]
        self.layers = layers(config.embedding_size, config.hidden_size, config.layers, batch_first=True)
        self.output = nn.Linear(config.hidden_size, len(network.output_bias))

    def step(self, rows: int) -> Step:
        width = (self.layers.num_layers, rows, self.layers.hidden_size)
        token, vectors = torch.full((rows, 1), 2), [torch.zeros(width) for _ in range(2)]
        before = tuple(vectors) if "LSTM" in type(self.layers).__name__ else vectors[0]

        def step() -> Tensor:
            outputs, _ = self.layers(functional.embedding(token, self.embedding), before)
            return self.output(outputs[:, -1]).log_softmax(-1)

        return step


def quantised_by_torch(network: Network) -> Plain:
    """Deprecated, and its activation scales are taken over the whole batch; the fastest that torch has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(Plain(network), {nn.LSTM, nn.GRU, nn.RNN, nn.Linear})


class Fbgemm:
    """A matrix in torch's packed int8, and a scale for each row of activations, which its product lacks."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._bias = bias
        scales = (weight.abs().amax(1) / 127).double()
        bytes_ = torch.quantize_per_channel(weight, scales, torch.zeros(len(weight), dtype=torch.int64), 0, torch.qint8)
        self._packed = torch.ops.quantized.linear_prepack(bytes_, None)

    def __call__(self, x: Tensor) -> Tensor:
        scales = x.abs().amax(1, keepdim=True).clamp_min(1e-30)
        product = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32
        return torch.addcmul(self._bias, product(x / scales, 1 / 63, 64, self._packed), scales)


def fbgemm_step(network: Network, rows: int) -> Step:
    layers = [(Fbgemm(w.weight_ih, w.bias_ih), Fbgemm(w.weight_hh, w.bias_hh)) for w in network.layers]
    output, token = Fbgemm(network.output_matrix, network.output_bias), torch.full((rows,), 2)
    zero = torch.zeros(rows, network.config.hidden_size)
    cell = {"lstm": lstm_cell, "gru": gru_cell}[network.config.kind]

    def step() -> Tensor:
        x = functional.embedding(token, network.embedding)
        for of_inputs, of_state in layers:
            x = cell(of_inputs(x), of_state(zero), zero)
        return output(x).log_softmax(-1)

    return step


def lstm_cell(gates: Tensor, state_gates: Tensor, memory: Tensor) -> Tensor:
    i, f, g, o = (gates + state_gates).chunk(4, 1)
    return o.sigmoid() * (f.sigmoid() * memory + i.sigmoid() * g.tanh()).tanh()


def gru_cell(gates: Tensor, state_gates: Tensor, vector: Tensor) -> Tensor:
    (r, z, n), (of_r, of_z, of_n) = gates.chunk(3, 1), state_gates.chunk(3, 1)
    kept = (z + of_z).sigmoid()
    return torch.lerp((n + (r + of_r).sigmoid() * of_n).tanh(), vector, kept)


def in_turn(steps: dict[str, Step], seconds: float) -> dict[str, float]:
    """Return the median seconds of each step, called once just before it is timed to warm the caches."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not all(times.values()):
        for name, step in steps.items():
            step()
            began = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - began)
    return {name: median(found) for name, found in times.items()}


def candidates(kind: NetworkKind, hidden: int, layers: int, vocabulary: int) -> Callable[[int], dict[str, Step]]:
    config = RecurrentConfig(kind, layers=layers, embedding_size=hidden, hidden_size=hidden)
    network = Network(config, vocabulary).requires_grad_(False)
    initialize(network, "uniform", 0.05, np.arange(vocabulary), torch.Generator().manual_seed(1))
    models = {
        "float32": RecurrentModel(config, network.arrays(), vocabulary),
        "int8": Int8Model(config, network.arrays(), vocabulary),
    }
    torchs = quantised_by_torch(network)
    return lambda rows: {
        **{name: model_step(model, rows) for name, model in models.items()},
        "torch dynamic": torchs.step(rows),
        "fbgemm by row": fbgemm_step(network, rows),
    }


def losses(checkpoint: Path, text: Path, unit: Unit) -> Iterator[str]:
    """Return a line for each precision: perplexity, its increase, tokens a second; empty lines dropped."""
    exact = None
    for precision, families in FAMILIES_BY_PRECISION.items():
        found, began = load(checkpoint, families=families), time.perf_counter()
        with text.open(encoding="utf-8") as lines:
            result = run_to_completion(evaluate(found.model, found.tokenizer, lines, unit, "drop"))
        speed, perplexity = result.token_count / (time.perf_counter() - began), result.perplexity or math.inf
        exact = exact or perplexity
        yield f"{precision:10} perplexity {perplexity:9.3f} ({perplexity / exact - 1:+.3%}) {speed:9,.0f} tokens/s"


@click.command()
@click.option("--hidden", default=650, show_default=True)
@click.option("--layers", default=2, show_default=True)
@click.option("--vocabulary", default=10_000, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--seconds", default=5.0, show_default=True, help="For each batch size.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Measure this one's loss instead.")
@click.option("--text", type=click.Path(path_type=Path))
@click.option("--unit", type=click.Choice(["document", "lines"]), default="document", show_default=True)
@torch.inference_mode()
def main(
    hidden: int,
    layers: int,
    vocabulary: int,
    threads: int,
    seconds: float,
    checkpoint: Path | None,
    text: Path | None,
    unit: Unit,
) -> None:
    """Print milliseconds a step by batch size, or with a checkpoint and a text, what int8 loses."""
    set_thread_count(threads)
    if checkpoint and text:
        for line in losses(checkpoint, text, unit):
            click.echo(line)
        return
    for kind in ("lstm", "gru"):
        made = candidates(kind, hidden, layers, vocabulary)
        click.echo(f"{kind} {layers}x{hidden}, {vocabulary:,} words: ms a step")
        for rows in (1, 4, 16, 64):
            times = in_turn(made(rows), seconds)
            click.echo(f"{rows:4} " + "   ".join(f"{name} {1000 * taken:7.2f}" for name, taken in times.items()))


if __name__ == "__main__":
    main()
