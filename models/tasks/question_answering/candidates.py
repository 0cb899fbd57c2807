"""Possible answers of a reader, numbered: `AnswerCandidates` and `SpanCandidates`.

A reader gives every candidate of a question one number; a softmax over those allowed makes probabilities of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from models.data.labelled.examples import Answer
from models.tasks.question_answering.answers import AnsweredQuestion, ScoredAnswer
from models.tasks.question_answering.texts import QuestionText
from models.utils.arrays import BoolArray, Float64Array, Int64Array


class Candidates(ABC):
    """Numbering of the possible answers to a question."""

    @abstractmethod
    def allowed(self, text: QuestionText) -> BoolArray:
        """Return which candidates [N] may be the answer."""

    @abstractmethod
    def right(self, text: QuestionText, answers: Sequence[Answer]) -> BoolArray:
        """Return which allowed candidates [N] are one of `answers`, or say that there is none."""

    @abstractmethod
    def rank(self, text: QuestionText, probabilities: Float64Array, top_k: int) -> AnsweredQuestion:
        """Return the `top_k` best answers, given the probabilities [N] of the candidates."""


class AnswerCandidates(Candidates):
    """Answers of training, then the tokens [T] of the context, which may be copied (Gu et al. 2016).

    An answer's probability is that of its place in the list and those of the tokens that spell it. Answers that
    training never found in a context, as "yes" and "no", are not copied.
    """

    def __init__(self, answers: Sequence[str], copied: Sequence[bool]) -> None:
        """Number `answers`; `copied` says of each whether it may also be copied."""
        self.answers, self.copied = tuple(answers), tuple(copied)
        self._columns = {answer.lower(): i for i, answer in enumerate(answers)}
        self._kept_out = {answer.lower() for answer, copied in zip(answers, copied, strict=True) if not copied}

    def allowed(self, text: QuestionText) -> BoolArray:
        """See `Candidates`; tokens without a letter or digit are not answers."""
        words = [form[:1].isalnum() and form not in self._kept_out for form in text.context.forms]
        return np.array([*(True for _ in self.answers), *words], np.bool_)

    def right(self, text: QuestionText, answers: Sequence[Answer]) -> BoolArray:
        """Return the right choices of an example, as `Candidates` says."""
        golds = {answer.text.lower() for answer in answers}
        spelled = [*(answer.lower() for answer in self.answers), *text.context.forms]
        return np.array([form in golds for form in spelled], np.bool_) & self.allowed(text)

    def rank(self, text: QuestionText, probabilities: Float64Array, top_k: int) -> AnsweredQuestion:
        """See `Candidates`; the token most likely to be copied says where an answer stands."""
        listed, copied = np.split(probabilities, [len(self.answers)])
        columns = self._number(text)
        totals = np.pad(listed, (0, max(columns.max() + 1 - len(listed), 0)))
        np.add.at(totals, columns, copied)
        allowed = self.allowed(text)[len(listed) :]
        is_possible = np.arange(len(totals)) < len(listed)
        is_possible[columns[allowed]] = True
        possible, answers = np.flatnonzero(is_possible), []
        for column in possible[np.argsort(-totals[possible], kind="stable")[:top_k]].tolist():
            tokens = np.flatnonzero((columns == column) & allowed)
            begin, end = text.slice(*[tokens[copied[tokens].argmax()]] * 2) if len(tokens) else (None, None)
            name = self.answers[column] if column < len(listed) else text.raw[begin:end]
            answers.append(ScoredAnswer(name, begin, end, float(totals[column])))
        return AnsweredQuestion(answers, None)

    def _number(self, text: QuestionText) -> Int64Array:
        """Return which answer each token [T] spells: one of the A of training, or a new one from A on."""
        columns, others = [], dict[str, int]()
        for form in text.context.forms:
            column = self._columns.get(form)
            columns.append(others.setdefault(form, len(self.answers) + len(others)) if column is None else column)
        return np.array(columns, np.int64)


class SpanCandidates(Candidates):
    """No answer, then all spans [T, L] of the context.

    Candidate 1 + t L + d is tokens t to t + d, both included.
    """

    def __init__(self, max_tokens: int) -> None:
        """Consider spans of at most L = `max_tokens` tokens."""
        self.max_tokens = max_tokens

    def allowed(self, text: QuestionText) -> BoolArray:
        """See `Candidates`; spans past the end are not allowed."""
        last = np.arange(len(text.context))[:, None] + np.arange(self.max_tokens)
        return np.concatenate([[True], (last < len(text.context)).reshape(-1)])

    def right(self, text: QuestionText, answers: Sequence[Answer]) -> BoolArray:
        """See `Candidates`: tokens that an answer reaches into; none for one longer than `max_tokens`."""
        right = np.zeros(1 + len(text.context) * self.max_tokens, np.bool_)
        right[0] = not answers
        begins, ends = text.offsets.T
        for answer in answers:
            if answer.start is None:
                continue
            tokens = np.flatnonzero((ends > answer.start) & (begins < answer.start + len(answer.text)))
            if 0 < len(tokens) <= self.max_tokens:
                right[1 + tokens[0] * self.max_tokens + len(tokens) - 1] = True
        return right

    def rank(self, text: QuestionText, probabilities: Float64Array, top_k: int) -> AnsweredQuestion:
        """Return the choices by falling probability, as `Candidates` says."""
        spans = np.flatnonzero(self.allowed(text))[1:]
        answers = []
        for candidate in spans[np.argsort(-probabilities[spans], kind="stable")[:top_k]].tolist():
            first, more = divmod(candidate - 1, self.max_tokens)
            begin, end = text.slice(first, first + more)
            answers.append(ScoredAnswer(text.raw[begin:end], begin, end, float(probabilities[candidate])))
        return AnsweredQuestion(answers, float(probabilities[0]))
