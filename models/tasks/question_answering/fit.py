"""Making a model of questions with answers, of any kind: a recurrent reader or nearest sentence."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

from models.data.labelled.examples import Question
from models.errors import InvalidInput, TrainingFailed
from models.model import Model
from models.tasks.question_answering.candidates import AnswerCandidates
from models.tasks.question_answering.config import AnyAnswererConfig, NearestSentenceConfig, ReaderConfig
from models.tasks.question_answering.fit_nearest_sentence import fit_nearest_sentence
from models.tasks.question_answering.train import ReadingProblem
from models.tasks.text import TaskText
from models.tasks.training.options import FitOptions, FittedModel, alphabet_of, task_tokenizer
from models.tasks.training.train import train_with
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress


def fit_answerer(
    config: AnyAnswererConfig, examples: Sequence[Question], held_out: Sequence[Question], options: FitOptions
) -> Generator[Progress, None, FittedModel]:
    """Make a model of `examples`; `held_out`, which may be empty, chooses the best weights of a network.

    Raises InvalidInput for examples that do not fit `config.target`, TrainingFailed where there is none.
    """
    began = time.monotonic()
    yield Progress("reading", 0, 0)
    if not examples:
        raise TrainingFailed("there are no training examples")
    _check(config, examples)
    tokenizer = task_tokenizer(options, _texts(examples))
    if tokenizer.config.kind != "word":
        raise InvalidInput("tokenizer", "kind: word is accepted for question answering: answers are words")
    figures: dict[str, float] = {"examples": len(examples), "held_out": len(held_out)}
    model: Model
    if isinstance(config, NearestSentenceConfig):
        model = fit_nearest_sentence(config, tokenizer, examples)
    else:
        model, metrics = yield from _train(config, tokenizer, examples, held_out, options)
        figures |= metrics
    figures["seconds"] = round(time.monotonic() - began, 1)
    return FittedModel(model, tokenizer, {"training": figures})


def _train(
    config: ReaderConfig,
    tokenizer: Tokenizer,
    examples: Sequence[Question],
    held_out: Sequence[Question],
    options: FitOptions,
) -> Generator[Progress, None, tuple[Model, dict[str, float]]]:
    """Train a reader; return it with the metrics of its training."""
    alphabet = alphabet_of(options, (TaskText.of(tokenizer, text) for text in _texts(examples)))
    answers = answers_of(examples) if config.target == "answers" else AnswerCandidates((), ())
    problem = ReadingProblem(config, options.encoder, answers, tokenizer, examples, held_out, alphabet)
    result = yield from train_with(problem, options, tokenizer)
    return result.model, {"left_out": problem.left_out, **result.card_metrics}


def answers_of(examples: Sequence[Question]) -> AnswerCandidates:
    """Return the answers of the examples, sorted; those that some context holds may be copied."""
    copied: dict[str, bool] = {}
    for example in examples:
        for answer in example.answers:
            copied[answer.text] = copied.get(answer.text, False) or answer.start is not None
    answers = sorted(copied)
    return AnswerCandidates(answers, [copied[answer] for answer in answers])


def _check(config: AnyAnswererConfig, examples: Sequence[Question]) -> None:
    """Raise InvalidInput, naming the line, for an example that the target cannot answer."""
    for example in examples:
        if config.target == "answers" and not example.answers:
            message = "a question with an answer is accepted, unless target is span"
            raise InvalidInput("files", f"line {example.line}: {message}")
        if config.target == "span" and any(answer.start is None for answer in example.answers):
            message = "an answer that stands in its context is accepted, unless target is answers"
            raise InvalidInput("files", f"line {example.line}: {message}")


def _texts(examples: Sequence[Question]) -> list[str]:
    """Return the contexts, those that begin the next one left out, and the questions."""
    contexts = [example.context for example in examples]
    following = [*contexts[1:], ""]
    last = [context for context, after in zip(contexts, following, strict=True) if not after.startswith(context)]
    return last + [example.question for example in examples]
