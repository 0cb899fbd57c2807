"""Questions as readers see them."""

import pytest

from models.errors import InvalidText
from models.tasks.question_answering.texts import QuestionText
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

TOKENIZER = Tokenizer(TokenizerConfig(lowercase=True), ["<unk>", "</s>", "mary", "moved", "?"])


def test_question_text_offsets_are_those_of_the_raw_context() -> None:
    text = QuestionText.of(TOKENIZER, "Mary  moved\nto\tParis.", "Who?")
    assert text.context.ids.tolist() == [2, 3, 1, 0, 0, 0]
    assert [text.raw[begin:end] for begin, end in text.offsets] == ["Mary", "moved", "\n", "to", "Paris", "."]
    assert text.raw[slice(*text.slice(3, 4))] == "to\tParis"


def test_question_text_matches_words_of_the_question_and_words_that_begin_alike() -> None:
    text = QuestionText.of(TOKENIZER, "MARY moves, moving?", "Where has Mary moved?")
    # "mary" is the same word, "moves" shares "move", "moving" only "movi"; punctuation is no word.
    assert text.matches().tolist() == [[1, 1], [0, 1], [0, 0], [0, 0], [0, 0]]


def test_question_text_with_question_keeps_the_context() -> None:
    text = QuestionText.of(TOKENIZER, "Mary moved.", "Who moved?")
    other = text.with_question(TOKENIZER, "Mary?")
    assert other.context is text.context
    assert other.question.forms == ("mary", "?", "</s>")


def test_question_text_refuses_a_very_long_question() -> None:
    QuestionText.of(TOKENIZER, "Mary", "who " * 511)
    with pytest.raises(InvalidText, match="511"):
        QuestionText.of(TOKENIZER, "Mary", "who " * 512)


@pytest.mark.parametrize(("context", "question", "field"), [(" \n", "Who?", "context"), ("Mary", "\t", "question")])
def test_question_text_refuses_a_text_without_a_word(context: str, question: str, field: str) -> None:
    with pytest.raises(InvalidText, match=field):
        QuestionText.of(TOKENIZER, context, question)
