"""Configurations of fill-in models, as data; loads no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.errors import InvalidInput


@dataclass(frozen=True)
class FillInConfig:
    """Settings of a fill-in network: how it joins the vectors of both sides, and how it is trained.

    >>> FillInConfig(mlp_size=0)
    Traceback (most recent call last):
    models.errors.InvalidInput: mlp_size: a whole number of at least 1 is accepted
    """

    mlp_size: int = 512
    """Units of the layer that joins the vectors of both sides."""
    sampled_words: int = 0
    """How many words stand for the vocabulary in a training step (see `sampled_softmax`); 0 = all of it."""
    max_tokens: int = 256
    """Longest line that is read at once in training; longer ones are cut into pieces."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        for name, least in (("mlp_size", 1), ("sampled_words", 0), ("max_tokens", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidInput(name, f"a whole number of at least {least} is accepted")


@dataclass(frozen=True)
class LanguageModelPairConfig:
    """Combination of a pair of language models. Raises InvalidInput where a value is not accepted."""

    prior_weight: float = 1.0
    """Power of the probability that a token has by itself, by which the product of both sides is divided; 1 is Bayes'
    rule for sides that are independent given the token, 0 the plain product."""

    def __post_init__(self) -> None:
        if isinstance(self.prior_weight, bool) or not 0 <= self.prior_weight < math.inf:
            raise InvalidInput("prior_weight", "must be a finite number, 0 or more")
