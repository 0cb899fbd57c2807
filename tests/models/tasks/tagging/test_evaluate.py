"""Figures of taggers on tagged sentences."""

import pytest

from models.data.labelled.examples import TaggedSentence
from models.errors import InvalidInput
from models.tasks.tagging.config import HmmTaggerConfig
from models.tasks.tagging.evaluate import evaluate_tagger
from models.tasks.tagging.fit import fit_tagger
from models.tasks.training.options import FitOptions, FittedModel
from models.utils.progress import run_to_completion

TRAINING = [
    TaggedSentence(("in", "New", "York"), ("O", "B-place", "I-place"), 1),
    TaggedSentence(("in", "Rome"), ("O", "B-place"), 5),
]


def fitted() -> FittedModel:
    return run_to_completion(fit_tagger(HmmTaggerConfig(), TRAINING, [], FitOptions()))


def test_evaluate_tagger_tells_accuracy_on_unseen_words_and_f1_of_spans() -> None:
    model = fitted()
    # New York is found and Rome too; "Oslo", unseen, is a place by its capital; "in" is no tag "X" that it never saw.
    gold = [
        TaggedSentence(("in", "New", "York"), ("O", "B-place", "I-place"), 1),
        TaggedSentence(("in", "Rome"), ("O", "B-place"), 2),
        TaggedSentence(("in", "Oslo"), ("B-time", "B-place"), 3),
    ]
    figures = run_to_completion(evaluate_tagger(model.model, model.tokenizer, gold))
    assert figures["accuracy"] == pytest.approx(6 / 7)
    assert (figures["unseen_tokens"], figures["accuracy_unseen"]) == (1, 1)
    assert (figures["precision"], figures["recall"]) == (1, pytest.approx(3 / 4))


def test_evaluate_tagger_counts_words_as_unseen_that_are_not_among_those_given() -> None:
    model = fitted()
    figures = run_to_completion(evaluate_tagger(model.model, model.tokenizer, TRAINING, seen={"in"}))
    assert figures["unseen_tokens"] == 3


def test_evaluate_tagger_names_the_line_of_a_sentence_with_too_few_tags() -> None:
    model = fitted()
    with pytest.raises(InvalidInput, match="line 8: one tag a token"):
        run_to_completion(evaluate_tagger(model.model, model.tokenizer, [TaggedSentence(("a", "b"), ("O",), 8)]))
