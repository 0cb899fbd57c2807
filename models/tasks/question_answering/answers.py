"""Answers to questions as plain data, which loads nothing: `ScoredAnswer`, `AnsweredQuestion`."""

from __future__ import annotations

from typing import NamedTuple


class ScoredAnswer(NamedTuple):
    """An answer and its probability."""

    text: str
    begin: int | None
    """Character of the context where the answer begins, from 0; None where it does not stand there."""
    end: int | None
    """Character after its last one."""
    probability: float


class AnsweredQuestion(NamedTuple):
    """Answers to a question; the probabilities of all possible ones and of `no_answer` sum to one."""

    answers: list[ScoredAnswer]
    """The most probable ones, best first."""
    no_answer: float | None
    """Probability that the context does not answer the question; None for a model that always answers."""

    @property
    def best(self) -> str | None:
        """The most probable answer, None where that is no answer."""
        if not self.answers or self.answers[0].probability < (self.no_answer or 0):
            return None
        return self.answers[0].text
