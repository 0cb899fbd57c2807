"""RNN, GRU, LSTM and feed-forward network with equally many parameters, trained for equal time.

`equal_size_configs` finds how wide each family may be for the parameters of an LSTM.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from itertools import product
from typing import Any

import torch

from app.experiments.claim import at_least, summary
from app.experiments.finding import Curve, ExperimentInput, Finding, comparable_perplexity, log_ratio
from app.experiments.training_run import TrainingRun, run_interleaved
from models.neural.config import RecurrentConfig
from models.neural.network import Network
from models.neural.training.config import TrainingConfig
from models.utils.progress import Progress

TRAINING_CONFIG = TrainingConfig(schedule="constant", learning_rate=2e-3)
VALIDATIONS = 6
NAMES = {
    "rnn": "a plain recurrent network",
    "gru": "a GRU",
    "lstm": "an LSTM",
    "feedforward": "a network with a fixed window",
}


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train each family for the same number of seconds, in turns, for each seed."""
    configs = equal_size_configs(inputs.size, len(inputs.vocabulary))
    by_seed: list[list[TrainingRun]] = []
    for seed in inputs.seed_numbers:
        trainings = [TrainingRun(inputs, config, replace(TRAINING_CONFIG, seed=seed)) for config in configs]
        for _ in range(VALIDATIONS):
            yield from run_interleaved([training.advance for training in trainings], inputs.seconds / VALIDATIONS)
            for training in trainings:
                yield from training.validate()
        by_seed.append(trainings)
    return Finding(
        "families",
        [
            at_least(
                f"with as many parameters and seconds of training, {NAMES[gated]} predicts better than {NAMES[other]}",
                "log ratio of perplexities",
                [_gain(trainings, gated, other) for trainings in by_seed],
            )
            for gated, other in product(("gru", "lstm"), ("rnn", "feedforward"))
        ],
        [_row(inputs, list(runs)) for runs in zip(*by_seed, strict=True)],
        [_curve(inputs, training) for training in by_seed[0]],
        ("seconds of training", "perplexity of the held-out text"),
        logarithmic=True,
    )


def _gain(trainings: list[TrainingRun], kind: str, other: str) -> float:
    """Return how far the perplexity of one family is below that of another, as a log ratio."""
    reached: dict[str, float | None] = {run.trainer.config.kind: run.perplexity for run in trainings}
    return log_ratio(reached[kind], reached[other])


def equal_size_configs(size: int, vocabulary_size: int) -> list[RecurrentConfig]:
    """Return a one-layer configuration of each family with about the parameters of an LSTM of `size`."""
    lstm = RecurrentConfig("lstm", layers=1, embedding_size=size, hidden_size=size)
    budget = parameter_count(lstm, vocabulary_size)
    configs = []
    for kind in ("feedforward", "rnn", "gru"):
        widths = (replace(lstm, kind=kind, hidden_size=width) for width in range(1, 8 * size))
        configs.append(min(widths, key=lambda config: abs(parameter_count(config, vocabulary_size) - budget)))
    return [*configs, lstm]


def parameter_count(config: RecurrentConfig, vocabulary_size: int) -> int:
    """Count the numbers of such a network."""
    return sum(p.numel() for p in _empty_network(config, vocabulary_size).parameters())


def multiply_adds(config: RecurrentConfig, vocabulary_size: int) -> int:
    """Count the multiply-adds for one token: each matrix once, but for the embedding, which is looked up."""
    network = _empty_network(config, vocabulary_size)
    inner = sum(p.numel() for name, p in network.named_matrices() if name not in ("embedding", "output_weight"))
    return inner + network.output_matrix.numel()


def torch_kernel(network: Network) -> str:
    """Describe how torch reads a text with this network, as the names of its gradient functions tell."""
    if network.config.kind == "feedforward":
        return "one product for all tokens"
    outputs, _ = network(torch.zeros(2, 4, dtype=torch.int64), network.zero_state(2))
    nodes, names = [outputs.grad_fn], set()
    while nodes:
        if node := nodes.pop():
            names.add(node.name())
            nodes += [next_node for next_node, _ in node.next_functions]
    return "oneDNN, fused" if any("MkldnnRnnLayer" in name for name in names) else "step by step"


def _empty_network(config: RecurrentConfig, vocabulary_size: int) -> Network:
    """Make a network without memory for its weights."""
    with torch.device("meta"):
        return Network(config, vocabulary_size)


def _row(inputs: ExperimentInput, runs: list[TrainingRun]) -> dict[str, Any]:
    """Return the figures of one family."""
    trainer = runs[0].trainer
    config, tokens_per_step = trainer.config, trainer.training_config.batch_size * trainer.training_config.bptt
    vocabulary_size = len(inputs.vocabulary)
    return {
        "kind": config.kind,
        "hidden_size": config.hidden_size,
        "parameters": parameter_count(config, vocabulary_size),
        "multiply_adds": multiply_adds(config, vocabulary_size),
        "kernel": torch_kernel(trainer.network),
        **summary("tokens_per_second", [len(run.steps) * tokens_per_step / inputs.seconds for run in runs]),
        **summary("perplexity", [comparable_perplexity(run.perplexity) for run in runs]),
    }


def _curve(inputs: ExperimentInput, training: TrainingRun) -> Curve:
    """Return the perplexities of one family over the seconds of its training."""
    times = [inputs.seconds * (i + 1) / VALIDATIONS for i in range(len(training.validated))]
    return Curve(training.trainer.config.kind, times, [perplexity for _, perplexity in training.validated])
