"""Figures of question answering on questions whose answers are known."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from models.data.labelled.examples import Question
from models.evaluation.answers import answer_figures
from models.tasks.question_answering.answerer import QuestionAnswerer
from models.tasks.question_answering.predict import answer
from models.tokenization.tokenizer import Tokenizer


def evaluate_answerer(
    answerer: QuestionAnswerer, tokenizer: Tokenizer, examples: Sequence[Question]
) -> Generator[int, None, dict[str, Any]]:
    """Return exact match and F1 of the most probable answers (`answer_figures`); yields numbers of tokens."""
    pairs = [(example.context, example.question) for example in examples]
    answered = yield from answer(answerer, tokenizer, pairs)
    golds = [[right.text for right in example.answers] for example in examples]
    return answer_figures([result.best for result in answered], golds)
