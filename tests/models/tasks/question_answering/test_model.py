"""Recurrent readers: against training, alone and in company, checkpoints, probabilities."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.data.labelled.examples import Answer, Question
from models.errors import CheckpointDamaged
from models.neural.encoder.config import EncoderConfig
from models.tasks.question_answering.answers import AnsweredQuestion
from models.tasks.question_answering.candidates import AnswerCandidates
from models.tasks.question_answering.config import AnswerTarget, ReaderConfig
from models.tasks.question_answering.model import Int8Reader, Reader
from models.tasks.question_answering.texts import QuestionText
from models.tasks.question_answering.train import ReadingProblem
from models.tasks.text import Alphabet
from models.tasks.training.problem import StepContext
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

TOKENIZER = Tokenizer(
    TokenizerConfig(lowercase=True), ["<unk>", "</s>", "mary", "went", "to", "garden", "john", "where", "is", ".", "?"]
)
ENCODER = EncoderConfig("gru", embedding_size=5, hidden_size=4, storage="float32")
CHARACTERS = EncoderConfig(embedding_size=5, hidden_size=3, character_embedding_size=3, character_hidden_size=2)
QUESTIONS = [
    Question("Mary went to Garden.\nJohn went.", "Where is Mary?", (Answer("Garden", 13),), 1, (0,)),
    Question("John.", "Where?", (Answer("John", 0),), 2),
    Question("Mary is. John is.\nMary is.", "Is John?", (Answer("Mary", 18),), 3, (0, 1)),
]
TARGETS = pytest.mark.parametrize("target", ["answers", "span"])


def problem(target: AnswerTarget, encoder: EncoderConfig = ENCODER, **options: Any) -> ReadingProblem:
    """Make a problem whose network has random weights."""
    config = ReaderConfig(target, match_size=3, max_answer_tokens=2, hidden_answers=0, **options)
    alphabet = Alphabet("abcdefghij") if encoder.reads_characters else None
    answers = AnswerCandidates(["Garden", "yes"], [True, False])
    work = ReadingProblem(config, encoder, answers, TOKENIZER, QUESTIONS, alphabet=alphabet)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in work.network.parameters():
            parameter.normal_(0, 0.5, generator=generator)
    return work


@cache
def reader(target: AnswerTarget, encoder: EncoderConfig = ENCODER) -> Reader:
    work = problem(target, encoder)
    return work.model({name: tensor.detach().numpy() for name, tensor in work.network.state_dict().items()})


@cache
def to_int8(model: Reader) -> Int8Reader:
    return Int8Reader.from_tensors(model.config(), model.tensors(), TOKENIZER.vocabulary_size)


def text(question: Question) -> QuestionText:
    return QuestionText.of(TOKENIZER, question.context, question.question)


def probability(answered: AnsweredQuestion, answer: Answer) -> float:
    return sum(found.probability for found in answered.answers if found.text == answer.text)


@pytest.mark.parametrize("hops", [1, 3])
@TARGETS
def test_reading_problem_trains_what_the_reader_computes(target: AnswerTarget, hops: int) -> None:
    work = problem(target, hops=hops, supporting_weight=0)
    model = work.model({name: tensor.detach().numpy() for name, tensor in work.network.state_dict().items()})
    answered = model.answer([text(question) for question in QUESTIONS], top_k=1000)
    if target == "answers":
        right = [probability(a, question.answers[0]) for a, question in zip(answered, QUESTIONS, strict=True)]
    else:
        right = [
            next(found.probability for found in a.answers if (found.begin, found.text) == (gold.start, gold.text))
            for a, gold in zip(answered, (question.answers[0] for question in QUESTIONS), strict=True)
        ]
    loss = work.loss(np.arange(3), StepContext()).item()
    assert loss == pytest.approx(-np.log(right).mean(), rel=1e-4)


WORDS = st.sampled_from(["mary", "john", "went", "x", ".", "\n"])
CONTEXTS = st.lists(WORDS, min_size=1, max_size=9).map(" ".join).filter(str.strip)


@settings(max_examples=40)
@given(st.lists(st.tuples(CONTEXTS, st.sampled_from(["Where?", "Is Mary there?"])), min_size=1, max_size=4))
@TARGETS
def test_reader_gives_a_question_the_same_answers_in_company(
    target: AnswerTarget, pairs: list[tuple[str, str]]
) -> None:
    model = reader(target)
    texts = [QuestionText.of(TOKENIZER, *pair) for pair in pairs]
    int8 = to_int8(model)
    for one, near, exact in zip(texts, model.answer(texts, 1000), int8.answer(texts, 1000), strict=True):
        assert int8.answer([one], 1000) == [exact]
        [alone] = model.answer([one], 1000)
        expected = sorted((a.text, a.begin or 0, a.probability) for a in near.answers)
        for found, wanted in zip(
            sorted((a.text, a.begin or 0, a.probability) for a in alone.answers), expected, strict=True
        ):
            assert found[0] == wanted[0]
            assert found[2] == pytest.approx(wanted[2], abs=1e-5)


@pytest.mark.parametrize("encoder", [ENCODER, CHARACTERS])
@TARGETS
def test_reader_probabilities_sum_to_one_in_both_precisions(target: AnswerTarget, encoder: EncoderConfig) -> None:
    model = reader(target, encoder)
    texts = [text(question) for question in QUESTIONS]
    for family in (model, to_int8(model)):
        family.check()
        for answered in family.answer(texts, 1000):
            total = sum(answer.probability for answer in answered.answers) + (answered.no_answer or 0)
            assert total == pytest.approx(1, abs=1e-6)


def test_reader_reads_a_long_sentence_apart_from_short_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    model = reader("answers", ENCODER)
    monkeypatch.setattr(model, "chunk_tokens", 32)
    sizes, encode = [], model.encoder.encode
    monkeypatch.setattr(
        model.encoder, "encode", lambda tokens, *rest: sizes.append(tokens.size) or encode(tokens, *rest)
    )
    context = "\n".join([*(f"x{i} went." for i in range(50)), "mary " * 200])
    [answered] = model.answer([QuestionText.of(TOKENIZER, context, "Where?")], top_k=1)
    assert answered.answers
    assert sum(sizes) < 600  # all in one piece are 52 x 201 tokens
    assert max(sizes) <= 201


@TARGETS
def test_int8_reader_is_close_to_the_float_one(target: AnswerTarget) -> None:
    model, texts = reader(target), [text(question) for question in QUESTIONS]
    for exact, near in zip(model.answer(texts, 1000), to_int8(model).answer(texts, 1000), strict=True):
        for answer in exact.answers:
            others = [a.probability for a in near.answers if (a.text, a.begin) == (answer.text, answer.begin)]
            assert sum(others) == pytest.approx(answer.probability, abs=0.05)


@TARGETS
def test_reader_comes_back_from_its_tensors(target: AnswerTarget) -> None:
    model, texts = reader(target, CHARACTERS), [text(question) for question in QUESTIONS]
    family = FAMILIES_BY_PRECISION["float32"][model.kind]
    again = family.from_tensors(model.config(), model.tensors(), TOKENIZER.vocabulary_size)
    assert isinstance(again, Reader)
    assert again.answer(texts, 9) == model.answer(texts, 9)
    assert again.config() == model.config()


@pytest.mark.parametrize(
    ("config", "tensors", "message"),
    [
        ({"reader": {"target": "best"}}, {}, "target"),
        ({"answers": ["Garden"], "copied": [True]}, {}, "answer_"),
        ({"answers": ["Garden", 1]}, {}, "answers"),
        ({"answers": ["Garden", "Garden"]}, {}, "answers"),
        ({"copied": None}, {}, "copied"),
        ({"copied": [True]}, {}, "copied"),
        ({"reader": {"hops": 10**9}}, {}, "hops"),
        ({}, {"head.query": np.zeros((1, 1), np.float32)}, "query"),
    ],
)
def test_reader_names_what_is_damaged(config: dict[str, Any], tensors: dict[str, Any], message: str) -> None:
    model = reader("answers")
    with pytest.raises(CheckpointDamaged, match=message):
        Reader.from_tensors(model.config() | config, model.tensors() | tensors, TOKENIZER.vocabulary_size)
