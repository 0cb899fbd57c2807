"""Candidates: which are right, and answers of given probabilities, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.labelled.examples import Answer
from models.tasks.question_answering.answers import ScoredAnswer
from models.tasks.question_answering.candidates import AnswerCandidates, SpanCandidates
from models.tasks.question_answering.texts import QuestionText
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

TOKENIZER = Tokenizer(TokenizerConfig(lowercase=True), ["<unk>", "</s>", "no"])
STORY = QuestionText.of(TOKENIZER, "Mary is no longer in the Garden. The garden!", "Is she?")
ANSWERS = AnswerCandidates(["garden", "no", "two, three"], [True, False, False])


def test_answer_candidates_allow_the_list_and_words_but_those_never_copied() -> None:
    words = [True, True, False, True, True, True, True, False, True, True, False]
    assert ANSWERS.allowed(STORY).tolist() == [True, True, True, *words]


@pytest.mark.parametrize(
    ("answer", "right"),
    # After the three of the list the tokens are mary is no longer in the garden . the garden !
    [("garden", [0, 9, 12]), ("no", [1]), ("two, three", [2]), ("Mary", [3]), ("office", [])],
)
def test_answer_candidates_are_right_in_the_list_and_wherever_the_context_spells_them(
    answer: str, right: list[int]
) -> None:
    assert np.flatnonzero(ANSWERS.right(STORY, [Answer(answer, None)])).tolist() == right


def test_answer_candidates_sum_the_probabilities_of_list_and_tokens() -> None:
    probabilities = np.zeros(14)
    probabilities[[0, 9, 12]] = 0.125, 0.25, 0.125  # garden: the list, then both tokens; the first is likelier
    probabilities[1] = 0.375  # no
    probabilities[3] = 0.125  # Mary
    answered = ANSWERS.rank(STORY, probabilities, top_k=3)
    assert answered.answers == [
        ScoredAnswer("garden", 25, 31, 0.5),
        ScoredAnswer("no", None, None, 0.375),
        ScoredAnswer("Mary", 0, 4, 0.125),
    ]
    assert answered.no_answer is None
    assert answered.best == "garden"


def test_answer_candidates_tell_answers_apart_that_differ_in_case_alone() -> None:
    both = AnswerCandidates(["May", "may"], [False, False])
    answered = both.rank(QuestionText.of(TOKENIZER, "June", "When?"), np.array([0.25, 0.5, 0.25]), top_k=9)
    assert [(answer.text, answer.probability) for answer in answered.answers] == [
        ("may", 0.5),
        ("May", 0.25),
        ("June", 0.25),
    ]


def test_span_candidates_number_spans_by_first_token_and_length() -> None:
    text = QuestionText.of(TOKENIZER, "a b c", "?")
    # No answer; then "a", "a b", "b", "b c", "c", and one past the end.
    assert SpanCandidates(2).allowed(text).tolist() == [True, True, True, True, True, True, False]


@pytest.mark.parametrize(
    ("answers", "right"),
    [
        ([], [0]),
        ([Answer("b", 2)], [3]),
        ([Answer("b c", 2), Answer("a", 0)], [1, 4]),
        ([Answer("a b c", 0)], []),  # longer than two tokens
        ([Answer("b", None)], []),
    ],
)
def test_span_candidates_are_right_where_an_answer_stands(answers: list[Answer], right: list[int]) -> None:
    text = QuestionText.of(TOKENIZER, "a b c", "?")
    assert np.flatnonzero(SpanCandidates(2).right(text, answers)).tolist() == right


def test_span_candidates_take_whole_tokens_for_an_answer_that_stands_within() -> None:
    text = QuestionText.of(TOKENIZER, "the 1990s came", "When?")
    assert np.flatnonzero(SpanCandidates(1).right(text, [Answer("1990", 4)])).tolist() == [2]


def test_span_candidates_give_the_best_spans_and_the_probability_of_no_answer() -> None:
    text = QuestionText.of(TOKENIZER, "a  b c", "?")
    answered = SpanCandidates(2).rank(text, np.array([0.5, 0.1, 0.25, 0.05, 0.1, 0, 0]), top_k=1)
    assert answered.answers == [ScoredAnswer("a  b", 0, 4, 0.25)]
    assert answered.no_answer == 0.5
    assert answered.best is None


@given(st.text(st.sampled_from("ab ,.\n\u0130é"), min_size=1).filter(str.strip), st.integers(1, 4), st.randoms())
def test_candidates_give_slices_of_the_context_and_all_of_the_probability(
    context: str, size: int, random: "np.random.RandomState"
) -> None:
    text = QuestionText.of(TOKENIZER, context, "what?")
    for candidates in (SpanCandidates(size), AnswerCandidates(["a", "no"], [True, False])):
        allowed = candidates.allowed(text)
        probabilities = allowed * np.array([random.random() + 0.1 for _ in allowed])
        answered = candidates.rank(text, probabilities / probabilities.sum(), top_k=1000)
        total = sum(answer.probability for answer in answered.answers) + (answered.no_answer or 0)
        assert total == pytest.approx(1)
        ranked = [answer.probability for answer in answered.answers]
        assert ranked == sorted(ranked, reverse=True)
        assert all(
            answer.begin is None or context[answer.begin : answer.end].lower() == answer.text.lower()
            for answer in answered.answers
        )
