"""Configuration of a training: every choice that changes the result, and the values it accepts.

`TrainingConfig` is the `[training]` table of a language model's recipe; other tasks share `OptimizationConfig` with it.
Neither loads torch, so that recipes can be checked without it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from models.errors import InvalidInput

STATE_FILE = "training.safetensors"
"""Name of a saved training state in its directory."""

_SEEDS = 1 << 63
"""Seeds that there are: PyTorch takes no larger one."""
OptimizerName: TypeAlias = Literal["adamw", "adam", "sgd"]
LearningRateSchedule: TypeAlias = Literal["constant", "cosine", "one_cycle"]
InitializationMethod: TypeAlias = Literal["xavier", "lecun_normal", "he", "uniform"]


@dataclass(frozen=True)
class OptimizationConfig:
    """Settings that every training has: how the weights begin, change, and are kept from overfitting."""

    epochs: float = 10.0
    """Passes over the training text; what the schedule counts to."""
    batch_size: int = 32
    """Streams, or texts, that are read side by side."""
    optimiser: OptimizerName = "adamw"
    """Rule by which a gradient changes the weights."""
    learning_rate: float = 4e-3
    """The schedule's peak."""
    momentum: float = 0.9
    """Nesterov momentum of `sgd`; for the others, decay of the gradient's running mean."""
    schedule: LearningRateSchedule = "one_cycle"
    warm_up: float = 0.1
    """Share of the steps in which `one_cycle` rises."""
    weight_decay: float = 0.02
    """L2, on matrices: decoupled for `adamw`, part of the gradient for the others."""
    clip: float = 0.5
    """Largest global norm of a gradient; 0 = no limit."""
    dropout: float = 0.2
    """Share of numbers dropped between layers; also of the input and the output where `input_dropout` and
    `output_dropout` are unset."""
    input_dropout: float | None = None
    """Share of the numbers of token vectors dropped; unset: as `dropout`."""
    output_dropout: float | None = None
    """Share of the top layer's outputs dropped; unset: as `dropout`."""
    locked_dropout: bool = True
    """One dropout mask for all tokens of a window, rather than one for each."""
    word_dropout: float = 0.0
    """Share of words whose vectors are dropped, at every place in the window."""
    weight_drop: float = 0.0
    """Share of recurrent weights dropped, for a window at a time."""
    averaging: float = 0.0
    """The model's weights are a running mean of those trained that keeps this much of its past at each step, 0.999
    say, so that it looks back over a thousand steps; 0 = the weights as they are."""
    initialisation: InitializationMethod = "uniform"
    """Random numbers that matrices begin with: `xavier` (Glorot and Bengio 2010) uniform with variance
    2 / (inputs + outputs), `lecun_normal` normal with variance 1 / inputs (randn * sqrt(1 / n), which some courses call
    Xavier too), `he` normal with variance 2 / inputs, `uniform` between plus and minus `initial_scale`."""
    initial_scale: float = 0.1
    """The bound of `uniform`; 0 starts from zeros."""
    validate_every: int = 0
    """Steps between validations; 0 = once an epoch."""
    patience: int = 0
    """Validations without a new best after which training stops; 0 = it never stops early. The best weights are kept
    in any case."""
    seed: int = 1

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        types = OptimizerName, LearningRateSchedule, InitializationMethod
        for name, accepted in zip(("optimiser", "schedule", "initialisation"), types, strict=True):
            if getattr(self, name) not in get_args(accepted):
                raise InvalidInput(name, f"one of {', '.join(get_args(accepted))} is accepted")
        self._check_whole("batch_size", 1)
        for name in ("validate_every", "patience", "seed"):
            self._check_whole(name, 0)
        if self.seed >= _SEEDS:
            raise InvalidInput("seed", "a whole number of at least 0 and below 2**63 is accepted")
        for name in ("epochs", "learning_rate"):
            self._check_number(name, math.inf, "a number above 0 is accepted", above=True)
        for name in ("weight_decay", "clip", "initial_scale"):
            self._check_number(name, math.inf, "a number of at least 0 is accepted")
        shares = ("momentum", "warm_up", "dropout", "word_dropout", "weight_drop", "averaging")
        optional = [name for name in ("input_dropout", "output_dropout") if getattr(self, name) is not None]
        for name in (*shares, *optional):
            self._check_number(name, 1, "a number from 0 up to but not including 1 is accepted")

    def _check_whole(self, name: str, least: int) -> None:
        """Raise InvalidInput unless the field is a whole number of at least `least`."""
        value = getattr(self, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidInput(name, f"a whole number of at least {least} is accepted")

    def _check_number(self, name: str, below: float, accepted: str, *, above: bool = False) -> None:
        """Raise InvalidInput unless the field is in [0, below), with `above` in (0, below)."""
        value = getattr(self, name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 <= value < below or (above and value == 0):
            raise InvalidInput(name, accepted)


@dataclass(frozen=True)
class TrainingConfig(OptimizationConfig):
    """Recipe of a language model's training; equal recipes, architectures and texts give equal models."""

    bptt: int = 32
    """Tokens through which the gradient flows back; states are carried beyond."""
    sampled_words: int = 0
    """About how many words stand for the vocabulary in the softmax of a training step: faster, and a little noisier.
    0 = the whole vocabulary. What is measured and served has the whole vocabulary in any case."""
    noise: float = 0.0
    """Strength gamma of Kneser-Ney noise: the more different tokens follow a token, the more often it and its successor
    are replaced by others in training (Xie et al. 2017)."""
    reset_rate: float = 0.05
    """Probability, per stream and window, of beginning the current line anew from the start state."""
    average_every: int = 1
    """Steps after which several processes that train together replace their weights by the mean; 1 averages gradients
    before each step. One process alone averages nothing."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        super().__post_init__()
        self._check_whole("bptt", 1)
        self._check_whole("average_every", 1)
        self._check_whole("sampled_words", 0)
        self._check_number("noise", 1, "a number from 0 up to but not including 1 is accepted")
        self._check_number("reset_rate", math.nextafter(1, 2), "a number from 0 to 1 is accepted")
