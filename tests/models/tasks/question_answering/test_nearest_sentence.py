"""Nearest sentence: idf and shares by hand, ties, both targets, damaged checkpoints."""

import math
import time
from typing import Any

import numpy as np
import pytest

from models.data.labelled.examples import Answer, Question
from models.errors import CheckpointDamaged
from models.tasks.question_answering.config import NearestSentenceConfig
from models.tasks.question_answering.fit_nearest_sentence import fit_nearest_sentence
from models.tasks.question_answering.nearest_sentence import NearestSentence
from models.tasks.question_answering.texts import QuestionText
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

TOKENIZER = Tokenizer(
    TokenizerConfig(lowercase=True),
    ["<unk>", "</s>", "mary", "went", "to", "the", "garden", "john", "office", "where", "is", ".", "?"],
)
STORY = "Mary went to the garden.\nJohn went to the office."
EXAMPLES = [
    Question(STORY, "Where is Mary?", (Answer("garden", 17),), 3),
    Question(STORY, "Where is John?", (Answer("office", 42),), 4),
    Question(STORY, "Where is she?", (Answer("office", 42),), 5),
]


def baseline(**settings: Any) -> NearestSentence:
    return fit_nearest_sentence(NearestSentenceConfig(**settings), TOKENIZER, EXAMPLES)


def ask(model: NearestSentence, context: str, question: str) -> Any:
    [answered] = model.answer([QuestionText.of(TOKENIZER, context, question)], top_k=5)
    return answered


def test_fit_nearest_sentence_counts_sentences_that_hold_a_word() -> None:
    idf = baseline().tensors()["idf"]
    # Two sentences in the one context that there is: log(3 / 2) for a word of one, 0 for one of both, log 3 of none.
    expected = {"mary": math.log(1.5), "went": 0.0, "where": math.log(3)}
    for word, value in expected.items():
        assert idf[TOKENIZER.vocabulary.index(word)] == pytest.approx(value, abs=1e-6)


def test_nearest_sentence_answers_with_the_most_frequent_answer_of_the_nearest() -> None:
    answered = ask(baseline(), STORY, "Where is Mary?")
    # Shares "mary", log 1.5 nats, with the first sentence, and nothing with the second.
    first, second = answered.answers
    assert (first.text, first.begin, first.end) == ("garden", 17, 23)
    assert (second.text, second.begin, second.end) == ("office", 42, 48)
    assert first.probability == pytest.approx(1, abs=1e-5)
    assert first.probability + second.probability == pytest.approx(1)


def test_nearest_sentence_prefers_the_last_of_equal_ones() -> None:
    story = "Mary went to the garden.\nMary went to the office."
    assert [answer.text for answer in ask(baseline(), story, "Where is Mary?").answers] == ["office", "garden"]


def test_nearest_sentence_sums_the_shares_of_sentences_with_the_same_answer() -> None:
    story = "Mary went to the garden.\nJohn went to the garden."
    [only] = ask(baseline(), story, "Where is Mary?").answers
    assert (only.text, only.begin, only.probability) == ("garden", 17, pytest.approx(1))


def test_nearest_sentence_falls_back_on_the_most_frequent_answer() -> None:
    [only] = ask(baseline(), "Nobody moved.", "Where is the garden?").answers
    assert only == ("office", None, None, 1.0)


def test_nearest_sentence_gives_the_sentence_itself_as_a_span() -> None:
    best, other = ask(baseline(target="span"), STORY, "Where is John?").answers
    assert (best.text, STORY[best.begin : best.end]) == ("John went to the office.",) * 2
    assert other.text == "Mary went to the garden."


def test_nearest_sentence_is_quick_with_many_answers_and_sentences() -> None:
    answers = [f"place{i}" for i in range(30_000)]
    idf = np.ones(TOKENIZER.vocabulary_size, np.float32)
    model = NearestSentence(NearestSentenceConfig(), idf, answers, np.ones(len(answers), np.float32))
    text = QuestionText.of(TOKENIZER, "Mary went to the garden.\n" * 1000, "Where is Mary?")
    began = time.process_time()
    [answered] = model.answer([text], top_k=1)
    assert answered.answers[0].text == "place0"
    assert time.process_time() - began < 1  # looking for each answer in each sentence takes ten seconds


@pytest.mark.parametrize("target", ["answers", "span"])
def test_nearest_sentence_comes_back_from_its_tensors(target: str) -> None:
    model = baseline(target=target)
    model.check()
    again = NearestSentence.from_tensors(model.config(), model.tensors(), TOKENIZER.vocabulary_size)
    assert ask(again, STORY, "Where is Mary?") == ask(model, STORY, "Where is Mary?")


@pytest.mark.parametrize(
    ("config", "tensors", "message"),
    [
        ({"target": "best"}, {}, "target"),
        ({"answers": []}, {"counts": np.zeros(0, np.float32)}, "answers"),
        ({"answers": ["garden", 2]}, {}, "answers"),
        ({}, {"idf": np.full(TOKENIZER.vocabulary_size, np.inf, np.float32)}, "idf"),
        ({}, {"idf": np.zeros(4, np.float32)}, "idf"),
        ({}, {"counts": np.array([1, np.nan], np.float32)}, "counts"),
    ],
)
def test_nearest_sentence_names_what_is_damaged(config: dict[str, Any], tensors: dict[str, Any], message: str) -> None:
    model = baseline()
    with pytest.raises(CheckpointDamaged, match=message):
        NearestSentence.from_tensors(model.config() | config, model.tensors() | tensors, TOKENIZER.vocabulary_size)
