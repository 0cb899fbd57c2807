"""GRU against LSTM: parameters, speed and perplexity, at equal width and at equal size.

A GRU has three quarters of the products of an LSTM, so courses say that it is faster. Whether it is depends on the
kernels: PyTorch gives LSTMs a fused kernel of oneDNN that GRUs have not. The fused kernel is switched off for a third
column, so that the rule of thumb can be seen where it holds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
import torch

from app.experiments.claim import Claim, always, at_least, summary, within
from app.experiments.families import TRAINING_CONFIG, equal_size_configs, parameter_count
from app.experiments.finding import Curve, ExperimentInput, Finding, comparable_perplexity, log_ratio
from app.experiments.training_run import TrainingRun, run_interleaved
from models.language_model import LanguageModel
from models.neural.config import RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.network import Network
from models.utils.progress import Progress

STEPS_TIMED, REPETITIONS = 100, 5
"""Tokens read one by one to time a step of inference, and how often; the fastest time counts."""
VALIDATIONS = 5
SAME_PERPLEXITY = 0.02
"""Log ratio of perplexities that count as the same: 2 %."""
LSTM, UNFUSED, GRU, EQUAL_GRU = "LSTM", "LSTM, not fused", "GRU", "GRU, as many parameters"


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train LSTM and GRU for equally many steps to compare perplexities, and by turns to compare speed."""
    configs = _configs(inputs)
    learned: dict[str, list[TrainingRun]] = {LSTM: [], GRU: [], EQUAL_GRU: []}
    speeds: dict[str, list[float]] = {}
    steps: dict[str, list[float]] = {}
    for seed in inputs.seed_numbers:
        for name, runs in learned.items():
            runs.append(TrainingRun(inputs, configs[name], replace(TRAINING_CONFIG, seed=seed)))
            yield from runs[-1].run(f"{name}, seed {seed}", inputs.steps, VALIDATIONS)
        _append(speeds, (yield from _training_speeds(inputs, configs, seed)))
        _append(steps, {name: value for name, runs in learned.items() for name, value in _step_times(name, runs[-1])})
    names = [LSTM, UNFUSED, GRU, EQUAL_GRU]
    return Finding(
        "gated-units",
        _claims(configs, learned, speeds, steps),
        [_row(name, inputs, configs[name], learned.get(name), speeds[name], steps) for name in names],
        [_curve(name, runs[0]) for name, runs in learned.items()],
        ("step", "perplexity of the held-out text"),
        logarithmic=True,
    )


def layer_parameters(config: RecurrentConfig) -> int:
    """Count the numbers of the recurrent layer alone."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Network(config, 2).layers.parameters())


def _configs(inputs: ExperimentInput) -> dict[str, RecurrentConfig]:
    """Return the architectures compared, by name."""
    *_, equal_gru, lstm = equal_size_configs(inputs.size, len(inputs.vocabulary))
    return {LSTM: lstm, UNFUSED: lstm, GRU: replace(lstm, kind="gru"), EQUAL_GRU: equal_gru}


def _training_speeds(
    inputs: ExperimentInput, configs: dict[str, RecurrentConfig], seed: int
) -> Generator[Progress, None, dict[str, float]]:
    """Return tokens a second of each training, measured by turns."""
    trainings = {
        name: TrainingRun(inputs, config, replace(TRAINING_CONFIG, seed=seed)) for name, config in configs.items()
    }
    advances = [_without_fused(run.advance) if name == UNFUSED else run.advance for name, run in trainings.items()]
    for advance in advances:
        advance()  # whatever is done only once is done
    calls = yield from run_interleaved(advances, inputs.seconds / 2)
    tokens = TRAINING_CONFIG.batch_size * TRAINING_CONFIG.bptt
    return {name: count * tokens / (inputs.seconds / 2) for name, count in zip(trainings, calls, strict=True)}


def _without_fused(advance: Callable[[], None]) -> Callable[[], None]:
    """Return a step of training without oneDNN, whose LSTM is the fused one."""

    def step() -> None:
        torch.backends.mkldnn.set_flags(_enabled=False, _allow_tf32=None)  # type: ignore[no-untyped-call]
        try:
            advance()
        finally:
            torch.backends.mkldnn.set_flags(_enabled=True, _allow_tf32=None)  # type: ignore[no-untyped-call]

    return step


def _step_times(name: str, training: TrainingRun) -> list[tuple[str, float]]:
    """Return microseconds for a token read alone, in float32 and int8."""
    model = training.trainer.model()
    int8 = Int8Model(model.architecture, model.tensors(), model.vocabulary_size)
    return [(name, step_time(model)), (f"{name}, int8", step_time(int8))]


def step_time(model: LanguageModel) -> float:
    """Return the microseconds in which a model reads one token of one text."""
    state, token, times = model.begin_state(1), np.full((1, 1), 2), []
    for _ in range(REPETITIONS):
        began = time.perf_counter()
        for _ in range(STEPS_TIMED):
            state = model.advance(state, token)
        times.append((time.perf_counter() - began) / STEPS_TIMED * 1e6)
    return min(times)


def _claims(
    configs: dict[str, RecurrentConfig],
    learned: dict[str, list[TrainingRun]],
    speeds: dict[str, list[float]],
    steps: dict[str, list[float]],
) -> list[Claim]:
    """Decide what parameters, speeds and perplexities say."""
    equal = [log_ratio(a.perplexity, b.perplexity) for a, b in zip(learned[EQUAL_GRU], learned[LSTM], strict=True)]
    ratio = layer_parameters(configs[GRU]) / layer_parameters(configs[LSTM])
    faster = "log ratio of tokens a second, GRU over LSTM"
    return [
        always("a GRU has three quarters of the parameters of an LSTM layer", "of the same width", [ratio == 0.75]),
        at_least("a GRU trains faster", faster, _log_ratios(speeds[GRU], speeds[LSTM])),
        at_least(
            "a GRU trains faster than an LSTM without a fused kernel", faster, _log_ratios(speeds[GRU], speeds[UNFUSED])
        ),
        *(
            at_least(
                f"a GRU reads a single token faster in {precision}", faster,
                _log_ratios(steps[f"{LSTM}{suffix}"], steps[f"{GRU}{suffix}"]),
            )
            for precision, suffix in (("float32", ""), ("int8", ", int8"))
        ),
        within(
            f"GRU and LSTM of as many parameters predict equally well, to {SAME_PERPLEXITY:.0%}",
            "log ratio of perplexities, LSTM over GRU", equal, SAME_PERPLEXITY,
        ),
    ]  # fmt: skip


def _log_ratios(values: list[float], others: list[float]) -> list[float]:
    """Return log(value / other) for each seed."""
    return [math.log(a / b) for a, b in zip(values, others, strict=True)]


def _append(lists: dict[str, list[float]], values: dict[str, float]) -> None:
    """Append each value to the list of its name."""
    for name, value in values.items():
        lists.setdefault(name, []).append(value)


def _row(
    name: str,
    inputs: ExperimentInput,
    config: RecurrentConfig,
    runs: list[TrainingRun] | None,
    speeds: list[float],
    steps: dict[str, list[float]],
) -> dict[str, Any]:
    """Return the figures of one network; without the fused kernel only training is measured."""
    perplexities = [comparable_perplexity(run.perplexity) for run in runs or ()]
    return {
        "network": name,
        "hidden_size": config.hidden_size,
        "layer_parameters": layer_parameters(config),
        "parameters": parameter_count(config, len(inputs.vocabulary)),
        **summary("tokens_per_second", speeds),
        "step_us": fmean(steps[name]) if name in steps else None,
        "step_int8_us": fmean(steps[f"{name}, int8"]) if name in steps else None,
        **(summary("perplexity", perplexities) if runs else {"perplexity": None, "perplexity_spread": None}),
    }


def _curve(name: str, training: TrainingRun) -> Curve:
    """Return the perplexities of one training over its steps."""
    return Curve(name, [step for step, _ in training.validated], [perplexity for _, perplexity in training.validated])
