"""Configuration of a task's training; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

from models.neural.training.config import InitializationMethod, OptimizationConfig


@dataclass(frozen=True)
class TaskTrainingConfig(OptimizationConfig):
    """Recipe of a task's training; equal recipes and examples give equal models.

    >>> TaskTrainingConfig(epochs=3).optimiser
    'adamw'
    """

    epochs: float = 10.0
    """Passes over the training examples; what the schedule counts to."""
    learning_rate: float = 2e-3
    """The schedule's peak."""
    clip: float = 1.0
    """Largest global norm of a gradient; 0 = no limit."""
    dropout: float = 0.4
    """Share of numbers dropped between layers; also of the input and the output where `input_dropout` and
    `output_dropout` are unset."""
    locked_dropout: bool = False
    """One dropout mask for all tokens of a text, rather than one for each."""
    initialisation: InitializationMethod = "xavier"
    """See the initialization methods of a language model's training."""
    unknown_rate: float = 0.0
    """Probability of reading a word as `<unk>` that occurs once in the training examples, so that the vector of
    `<unk>` is trained (Lample et al. 2016)."""
    label_smoothing: float = 0.0
    """Share of a label's probability that is spread over all labels in the loss (Szegedy et al. 2016)."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        super().__post_init__()
        for name in ("unknown_rate", "label_smoothing"):
            self._check_number(name, 1, "a number from 0 up to but not including 1 is accepted")
