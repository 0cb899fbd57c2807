"""RNN, GRU and LSTM with equally many parameters and equal time, and a feed-forward network beside them.

It knows how wide each family may be for a budget of parameters, and what a token costs it. How it is trained is
`course`'s.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import torch

from app.experiments.finding import Curve, ExperimentInput, Finding, is_lower
from app.experiments.training_run import TrainingRun, run_interleaved
from models.neural.config import RecurrentConfig
from models.neural.network import Network
from models.neural.training.config import TrainingConfig
from models.utils.progress import Progress

TRAINING_CONFIG = TrainingConfig(schedule="constant", learning_rate=2e-3)
VALIDATIONS = 6


def run(setting: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train each for the same number of seconds, by turns, and say what came of it and what a token cost."""
    configs = equal_size_configs(setting.size, len(setting.vocabulary))
    courses = [TrainingRun(setting, config, TRAINING_CONFIG) for config in configs]
    for _ in range(VALIDATIONS):
        yield from run_interleaved([course.advance for course in courses], setting.seconds / VALIDATIONS)
        for course in courses:
            yield from course.validate()
    reached = {course.trainer.config.kind: course.perplexity for course in courses}
    return Finding(
        "families",
        "of networks of as many parameters that learned for as long, gated ones predict better than plain recurrent "
        "ones and than those with a fixed window",
        all(is_lower(reached[gated], reached[other]) for gated in ("gru", "lstm") for other in ("rnn", "feedforward")),
        [_row(setting, course) for course in courses],
        [_curve(setting, course) for course in courses],
        ("seconds of training", "perplexity of the held-out text"),
        logarithmic=True,
    )


def equal_size_configs(size: int, vocabulary: int) -> list[RecurrentConfig]:
    """A configuration of each family, one layer each, with as nearly as can be the parameters of an LSTM of `size`."""
    lstm = RecurrentConfig("lstm", layers=1, embedding_size=size, hidden_size=size)
    budget = parameter_count(lstm, vocabulary)
    found = []
    for kind in ("feedforward", "rnn", "gru"):
        widths = (replace(lstm, kind=kind, hidden_size=width) for width in range(1, 8 * size))
        found.append(min(widths, key=lambda config: abs(parameter_count(config, vocabulary) - budget)))
    return [*found, lstm]


def parameter_count(config: RecurrentConfig, vocabulary: int) -> int:
    """How many numbers such a network has."""
    return sum(p.numel() for p in _empty(config, vocabulary).parameters())


def multiply_adds(config: RecurrentConfig, vocabulary: int) -> int:
    """Multiply-adds for one token: each matrix once, but for the look-up of its vector."""
    network = _empty(config, vocabulary)
    inner = sum(p.numel() for name, p in network.named_matrices() if name not in ("embedding", "output_weight"))
    return inner + network.output_matrix.numel()


def torch_kernel(network: Network) -> str:
    """How torch reads a text with this network, told from what it keeps in mind for the gradient."""
    if network.config.kind == "feedforward":
        return "one product for all tokens"
    outputs, _ = network(torch.zeros(2, 4, dtype=torch.int64), network.config.zero(2))
    nodes, names = [outputs.grad_fn], set()
    while nodes:
        if node := nodes.pop():
            names.add(node.name())
            nodes += [before for before, _ in node.next_functions]
    return "oneDNN, fused" if any("MkldnnRnnLayer" in name for name in names) else "step by step"


def _empty(config: RecurrentConfig, vocabulary: int) -> Network:
    with torch.device("meta"):
        return Network(config, vocabulary)


def _row(setting: ExperimentInput, course: TrainingRun) -> dict[str, Any]:
    config, how = course.trainer.config, course.trainer.training_config
    size = len(setting.vocabulary)
    return {
        "kind": config.kind,
        "hidden_size": config.hidden_size,
        "parameters": parameter_count(config, size),
        "multiply_adds": multiply_adds(config, size),
        "kernel": torch_kernel(course.trainer.network),
        "tokens_per_second": len(course.steps) * how.batch_size * how.bptt / setting.seconds,
        "perplexity": course.perplexity,
    }


def _curve(setting: ExperimentInput, course: TrainingRun) -> Curve:
    times = [setting.seconds * (i + 1) / VALIDATIONS for i in range(len(course.validated))]
    return Curve(course.trainer.config.kind, times, [perplexity for _, perplexity in course.validated])
