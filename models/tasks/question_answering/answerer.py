"""The interface of all that answers questions, networks and baselines: `QuestionAnswerer`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from models.errors import InvalidInput
from models.model import Capability, Model
from models.special_tokens import EOS, EOS_TOKEN
from models.tasks.question_answering.answers import AnsweredQuestion
from models.tasks.question_answering.texts import QuestionText
from models.tasks.text import TaskText


class QuestionAnswerer(Model):
    """A model that answers questions about a context."""

    capabilities: frozenset[Capability] = frozenset({"answer"})

    @abstractmethod
    def answer(self, questions: Sequence[QuestionText], top_k: int) -> list[AnsweredQuestion]:
        """Return the `top_k` most probable answers to each question; they do not depend on the others."""

    def check(self) -> None:
        """Raise InvalidInput unless the probabilities of answers to a made-up question sum to one."""
        ids = np.linspace(0, self.vocabulary_size - 1, 4).astype(np.int64)
        context = TaskText(ids, ("a", "b", "c", "d"))
        offsets = np.array([[0, 1], [2, 3], [4, 5], [6, 7]])
        asked = TaskText(np.array([self.vocabulary_size - 1, EOS]), ("b", EOS_TOKEN))
        [answered] = self.answer([QuestionText("a b c d", context, offsets, (context,), asked)], top_k=1_000_000)
        total = sum(answer.probability for answer in answered.answers) + (answered.no_answer or 0)
        if not abs(total - 1) < 1e-3:
            raise InvalidInput("model", "its probabilities of answers do not sum to one")
