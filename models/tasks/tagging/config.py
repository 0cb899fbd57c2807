"""Configurations of taggers: `TaggerConfig` and `HmmTaggerConfig`; load no torch."""

from __future__ import annotations

from dataclasses import dataclass

from models.errors import InvalidInput

MAX_TAGS = 1000
"""Tags, at most: each token that is served has a probability of each."""
MAX_CHAINED_TAGS = 300
"""Tags, at most, that depend on the tag before: each token that is served takes a step from every tag to every other,
with so many some 10 milliseconds."""


@dataclass(frozen=True)
class TaggerConfig:
    """Settings of the layers above the encoder of a recurrent tagger.

    >>> TaggerConfig(crf=True).constrained
    False
    """

    crf: bool = False
    """Whether tags depend on the tag before, as in a linear-chain conditional random field (Lafferty et al. 2001);
    otherwise each token is tagged by itself."""
    constrained: bool = False
    """Whether tags are BIO, and `I-x` stands only after `B-x` or `I-x`; no other sequence then has a probability."""
    max_training_tokens: int = 128
    """Longer sentences are cut to so many tokens in training. What is served or measured is never cut."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        for name in ("crf", "constrained"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidInput(name, "true or false is accepted")
        _check_whole("max_training_tokens", self.max_training_tokens, least=1)

    @property
    def max_tags(self) -> int:
        """Largest number of tags that a tagger of these settings may have."""
        return MAX_CHAINED_TAGS if self.crf or self.constrained else MAX_TAGS


@dataclass(frozen=True)
class HmmTaggerConfig:
    """Settings of a hidden Markov model that tags, after TnT (Brants 2000).

    >>> HmmTaggerConfig(order=4)
    Traceback (most recent call last):
    models.errors.InvalidInput: order: a whole number from 2 to 3 is accepted
    """

    order: int = 3
    """Tags in a row that are counted: 2, a tag depends on the one before, or 3, on the two before."""
    suffix_length: int = 6
    """Characters at the end of an unknown word, at most, that tell its tag."""
    rare_count: int = 10
    """Unknown words are taken for words that occur at most so often in the training sentences."""
    unknown_tags: int = 12
    """Tags of an unknown word that are considered: the most probable ones. Up to 50 are accepted, as the time for three
    unknown words in a row grows with their cube."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        _check_whole("order", self.order, least=2, most=3)
        _check_whole("suffix_length", self.suffix_length, least=0, most=20)
        _check_whole("rare_count", self.rare_count, least=1)
        _check_whole("unknown_tags", self.unknown_tags, least=1, most=50)


def _check_whole(name: str, value: object, least: int, most: int | None = None) -> None:
    """Raise InvalidInput unless `value` is a whole number of at least `least`, and at most `most`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least or (most is not None and value > most):
        accepted = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InvalidInput(name, f"a whole number {accepted} is accepted")
