"""Nearest sentence, the baseline of question answering: it shares rare words with the question.

A sentence scores the summed inverse document frequencies (Sparck Jones 1972) of the question's words that it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged, InvalidInput
from models.model import Floats, Tensors
from models.special_tokens import EOS
from models.tasks.card_names import read_names
from models.tasks.question_answering.answerer import QuestionAnswerer
from models.tasks.question_answering.answers import AnsweredQuestion, ScoredAnswer
from models.tasks.question_answering.config import NearestSentenceConfig
from models.tasks.question_answering.sentences import sentence_ranges
from models.tasks.question_answering.texts import QuestionText
from models.utils.arrays import Float64Array


class NearestSentence(QuestionAnswerer):
    """A baseline that answers with the sentence nearest to the question, or with a frequent answer in it.

    The probability of a sentence is its share of the scores of all; of two with the same score the later one is better,
    as stories tell the newest last.
    """

    kind = "nearest_sentence"
    runs_inline = True

    def __init__(self, settings: NearestSentenceConfig, idf: Floats, answers: Sequence[str], counts: Floats) -> None:
        """Hold the inverse document frequency [V] of tokens in nats, and how often each answer [A] was right."""
        self.settings, self.answers = settings, tuple(answers)
        self.vocabulary_size = len(idf)
        self._idf, self._counts = idf, counts
        order = np.argsort(-counts, kind="stable").tolist()
        self._ranked = [self.answers[i] for i in order]
        self._ranks: dict[str, int] = {}
        for rank, answer in enumerate(self._ranked):
            self._ranks.setdefault(answer.lower(), rank)

    def answer(self, questions: Sequence[QuestionText], top_k: int) -> list[AnsweredQuestion]:
        """Return the most probable answers to each question, as `QuestionAnswerer` says."""
        return [self._answer(question, top_k) for question in questions]

    def _answer(self, question: QuestionText, top_k: int) -> AnsweredQuestion:
        ranges = sentence_ranges(question.context)
        probabilities = self._probabilities(question, ranges)
        totals: dict[str | int, ScoredAnswer] = {}
        # Best first; of equal ones the last in the context.
        for i in sorted(range(len(ranges)), key=lambda i: (-probabilities[i], -i)):
            found = self._answer_of(question, *ranges[i], probabilities[i])
            key = found.text if self.settings.target == "answers" else i
            before = totals.get(key)
            together = before.probability + found.probability if before else found.probability
            totals[key] = (before or found)._replace(probability=together)
        answers = sorted(totals.values(), key=lambda answer: -answer.probability)
        return AnsweredQuestion(answers[:top_k], None)

    def _probabilities(self, question: QuestionText, ranges: Sequence[tuple[int, int]]) -> Float64Array:
        """Return the share of each sentence in the scores of all."""
        weights = dict(zip(question.question.forms, self._idf[question.question.ids].tolist(), strict=True))
        scores = [sum(weights.get(form, 0.0) for form in set(question.context.forms[a:b])) for a, b in ranges]
        # A sentence that shares nothing gets almost nothing, but more than that, so that all may share nothing.
        floor = np.array(scores, np.float64) + 1e-6
        probabilities: Float64Array = floor / floor.sum()
        return probabilities

    def _answer_of(self, question: QuestionText, begin: int, end: int, probability: float) -> ScoredAnswer:
        """Return the answer that a sentence gives: itself, or the most frequent answer not in the question."""
        if self.settings.target == "span":
            if end - begin > 1 and question.context.ids[end - 1] == EOS:
                end -= 1  # the end of the line is no part of the sentence's text
            first, last = question.slice(begin, end - 1)
            return ScoredAnswer(question.raw[first:last], first, last, float(probability))
        asked, forms = question.question.forms, question.context.forms[begin:end]
        ranks = {self._ranks[form]: i for i, form in enumerate(forms) if form in self._ranks and form not in asked}
        if not ranks:
            return ScoredAnswer(self._ranked[0], None, None, float(probability))
        rank = min(ranks)
        place = begin + ranks[rank]
        return ScoredAnswer(self._ranked[rank], *question.slice(place, place), float(probability))

    def config(self) -> dict[str, Any]:
        """Return the target and the answers of training."""
        return {"target": self.settings.target, "answers": list(self.answers)}

    def tensors(self) -> Tensors:
        """Return inverse document frequencies [V] and counts of the answers [A]."""
        return {"idf": self._idf, "counts": self._counts}

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """Build the model of a checkpoint's arrays, as `Model` says."""
        try:
            settings = NearestSentenceConfig(config["target"])
        except (InvalidInput, KeyError) as error:
            raise CheckpointDamaged(f"config: {error}") from error
        answers = read_names(config, "answers", at_least=1 if settings.target == "answers" else 0)
        for name, size in (("idf", vocabulary_size), ("counts", len(answers))):
            tensor = tensors.get(name)
            if tensor is None or tensor.shape != (size,) or tensor.dtype != np.float32 or not _is_valid(tensor):
                raise CheckpointDamaged(f"tensor {name}: float32 [{size}] numbers of at least 0 expected")
        return cls(settings, tensors["idf"], answers, tensors["counts"])


def _is_valid(tensor: NDArray[np.float32]) -> bool:
    """Tell whether all numbers are finite and at least 0."""
    return bool((np.isfinite(tensor) & (tensor >= 0)).all())
