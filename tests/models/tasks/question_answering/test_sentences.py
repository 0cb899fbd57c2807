"""Sentences of a context."""

from hypothesis import given
from hypothesis import strategies as st

from models.tasks.question_answering.sentences import sentence_ranges
from models.tasks.question_answering.texts import QuestionText
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

TOKENIZER = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "a", "."])


def sentences(context: str) -> list[str]:
    text = QuestionText.of(TOKENIZER, context, "?")
    return [context[slice(*text.slice(begin, end - 1))] for begin, end in sentence_ranges(text.context)]


def test_sentence_ranges_end_at_stops_and_at_the_ends_of_lines() -> None:
    assert sentences("a b. c!\nd\n\ne") == ["a b.", "c!\n", "d\n", "\n", "e"]


@given(st.text(st.sampled_from("ab .!\n"), min_size=1).filter(str.strip))
def test_sentence_ranges_hold_every_token_once(context: str) -> None:
    text = QuestionText.of(TOKENIZER, context, "?")
    ranges = sentence_ranges(text.context)
    assert all(begin < end for begin, end in ranges)
    assert [i for begin, end in ranges for i in range(begin, end)] == list(range(len(text.context)))
    assert [form for sentence in text.sentences for form in sentence.forms] == list(text.context.forms)
