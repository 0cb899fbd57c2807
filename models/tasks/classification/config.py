"""Configuration of a recurrent classifier; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from models.errors import InvalidInput

Pooling: TypeAlias = Literal["max", "mean", "last", "attention"]
ClassWeights: TypeAlias = Literal["none", "balanced"]


@dataclass(frozen=True)
class ClassifierConfig:
    """What a recurrent classifier does with the vectors of a text.

    >>> ClassifierConfig(pooling="mean").multi_label
    False
    """

    pooling: Pooling = "max"
    """How the vectors of a text become one: their `max` or `mean` number by number, the `last` of each direction, or
    a mean weighted by `attention`."""
    multi_label: bool = False
    """Whether a text has any number of labels, each with a probability of its own, rather than exactly one."""
    class_weights: ClassWeights = "none"
    """Whether the loss of a training example is weighted: `balanced` gives all labels the same total weight."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        for name, accepted in (("pooling", Pooling), ("class_weights", ClassWeights)):
            if getattr(self, name) not in get_args(accepted):
                raise InvalidInput(name, f"one of {', '.join(get_args(accepted))} is accepted")
        if not isinstance(self.multi_label, bool):
            raise InvalidInput("multi_label", "true or false is accepted")
