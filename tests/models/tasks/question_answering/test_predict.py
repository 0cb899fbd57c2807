"""Answering in chunks."""

import numpy as np
import pytest

from models.errors import InvalidInput, InvalidText
from models.tasks.question_answering.config import NearestSentenceConfig
from models.tasks.question_answering.nearest_sentence import NearestSentence
from models.tasks.question_answering.predict import answer
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

TOKENIZER = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "sat", "?"])
MODEL = NearestSentence(NearestSentenceConfig("span"), np.ones(4, np.float32), [], np.zeros(0, np.float32))


def test_answer_keeps_the_order_and_yields_the_tokens_of_each_chunk() -> None:
    model = NearestSentence(NearestSentenceConfig("span"), np.ones(4, np.float32), [], np.zeros(0, np.float32))
    model.chunk_tokens = 10
    questions = [("It sat there all day.", "What?"), ("Sat.", "?"), ("So.", "Who?")]
    generator, chunks = answer(model, TOKENIZER, questions), []
    try:
        while True:
            chunks.append(next(generator))
    except StopIteration as end:
        answered = end.value
    # Contexts have 6, 2 and 2 tokens, questions 3, 2 and 3 with the end of the text.
    assert chunks == [4 + 5, 9]
    assert [result.answers[0].text for result in answered] == ["It sat there all day.", "Sat.", "So."]


def test_answer_tokenizes_a_context_once_and_pauses_between_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts, encode = [], Tokenizer.encode_with_offsets
    monkeypatch.setattr(
        Tokenizer, "encode_with_offsets", lambda self, text: contexts.append(text) or encode(self, text)
    )
    context = "It sat. " * 3000
    chunks = list(answer(MODEL, TOKENIZER, [(context, f"Who? {i}") for i in range(3)]))
    assert contexts == [context]
    assert chunks[0] == 0
    assert len(chunks) == 1 + 3


@pytest.mark.parametrize(("context", "question"), [("", "Who?"), ("It sat.", "  ")])
def test_answer_refuses_a_text_without_a_word(context: str, question: str) -> None:
    with pytest.raises(InvalidText):
        run_to_completion(answer(MODEL, TOKENIZER, [(context, question)]))


def test_answer_refuses_no_answers() -> None:
    with pytest.raises(InvalidInput, match="top_k"):
        run_to_completion(answer(MODEL, TOKENIZER, [("It sat.", "Who?")], top_k=0))
