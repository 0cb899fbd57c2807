"""Figures of question answering on questions whose answers are known."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from models.data.labelled.examples import Question
from models.evaluation.answers import answer_figures, exact_match
from models.tasks.question_answering.answerer import QuestionAnswerer
from models.tasks.question_answering.predict import answer
from models.tokenization.tokenizer import Tokenizer


def evaluate_answerer(
    answerer: QuestionAnswerer, tokenizer: Tokenizer, examples: Sequence[Question]
) -> Generator[int, None, dict[str, Any]]:
    """Return exact match and F1 of the most probable answers (`answer_figures`); yields numbers of tokens.

    `files` has the exact match of each file's questions, where they come from several.
    """
    pairs = [(example.context, example.question) for example in examples]
    answered = yield from answer(answerer, tokenizer, pairs)
    predicted = [result.best for result in answered]
    golds = [[right.text for right in example.answers] for example in examples]
    figures: dict[str, Any] = answer_figures(predicted, golds)
    files: dict[str, list[bool]] = {}
    for example, found, gold in zip(examples, predicted, golds, strict=True):
        files.setdefault(example.file, []).append(exact_match(found, gold))
    shares = {file: {"exact_match": sum(right) / len(right), "questions": len(right)} for file, right in files.items()}
    return figures | ({"files": shares} if len(files) > 1 else {})
