"""Configurations of question answering: the recurrent reader and nearest sentence; load no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from models.errors import InvalidInput

AnswerTarget: TypeAlias = Literal["answers", "span"]
MAX_HOPS = 16
"""Most looks over the context; each has weights of its own."""
MAX_ANSWER_TOKENS = 100
"""Longest spans that a reader may consider: it scores as many for each token of the context."""


@dataclass(frozen=True)
class ReaderConfig:
    """Answers of a recurrent reader, and its layer above the encoder.

    >>> ReaderConfig(target="span").max_answer_tokens
    20
    """

    target: AnswerTarget = "answers"
    """`answers`: one of the answers of the training examples, or a word of the context; `span`: any tokens of the
    context that follow each other, or no answer."""
    match_size: int = 64
    """Numbers in each direction of the layer that reads the context in the light of the question."""
    hops: int = 2
    """Looks over the whole context before the answer, each with what the one before found (Sukhbaatar et al. 2015)."""
    supporting_weight: float = 1.0
    """Weight in the loss of looking at the sentences that an answer follows from, where the examples tell them; 0: they
    are not told."""
    max_answer_tokens: int = 20
    """Tokens in the longest span that is considered."""
    hidden_answers: float = 0.5
    """Share of the training examples in which words that are answers are read as `<unk>`: the reader then has to tell
    from the other words where an answer stands, and can copy words that it has never seen. `answers` only."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        _check_target(self.target)
        for name, most in (("match_size", None), ("hops", MAX_HOPS), ("max_answer_tokens", MAX_ANSWER_TOKENS)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= (most or value):
                accepted = f"from 1 to {most}" if most else "of at least 1"
                raise InvalidInput(name, f"a whole number {accepted} is accepted")
        weight, share = self.supporting_weight, self.hidden_answers
        if not isinstance(weight, (int, float)) or isinstance(weight, bool) or not 0 <= weight < math.inf:
            raise InvalidInput("supporting_weight", "a number of at least 0 is accepted")
        if not isinstance(share, (int, float)) or isinstance(share, bool) or not 0 <= share <= 1:
            raise InvalidInput("hidden_answers", "a number from 0 to 1 is accepted")


@dataclass(frozen=True)
class NearestSentenceConfig:
    """The sentence that shares most with the question, weighted by how rare its words are; a baseline.

    >>> NearestSentenceConfig().target
    'answers'
    """

    target: AnswerTarget = "answers"
    """`answers`: the most frequent answer of training that the sentence holds; `span`: the sentence itself."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        _check_target(self.target)


AnyAnswererConfig: TypeAlias = ReaderConfig | NearestSentenceConfig


def _check_target(value: object) -> None:
    if value not in get_args(AnswerTarget):
        raise InvalidInput("target", f"one of {', '.join(get_args(AnswerTarget))} is accepted")
