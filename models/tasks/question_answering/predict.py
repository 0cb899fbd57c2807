"""Answering questions in chunks, so that other work can run in between."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from models.errors import InvalidInput, naming_item
from models.tasks.question_answering.answerer import QuestionAnswerer
from models.tasks.question_answering.answers import AnsweredQuestion
from models.tasks.question_answering.texts import QuestionText
from models.tasks.text import STEP_CHARACTERS, token_chunks
from models.tokenization.tokenizer import Tokenizer


def answer(
    answerer: QuestionAnswerer, tokenizer: Tokenizer, questions: Sequence[tuple[str, str]], top_k: int = 1
) -> Generator[int, None, list[AnsweredQuestion]]:
    """Answer pairs of a context and a question; yields tokens of each chunk when it is done.

    Raises InvalidInput for a `top_k` below 1, InvalidText for a context or a question without a word, named by its
    number where there are several.
    """
    if top_k < 1:
        raise InvalidInput("top_k", "a whole number of at least 1 is accepted")
    texts = yield from _tokenize(tokenizer, questions)
    answered: dict[int, AnsweredQuestion] = {}
    for rows in token_chunks([len(text) for text in texts], answerer.chunk_tokens):
        chunk = [texts[row] for row in rows]
        answered |= zip(rows.tolist(), answerer.answer(chunk, top_k), strict=True)
        yield sum(map(len, chunk))
    return [answered[row] for row in range(len(texts))]


def _tokenize(tokenizer: Tokenizer, questions: Sequence[tuple[str, str]]) -> Generator[int, None, list[QuestionText]]:
    """Tokenize questions, each context once; yields 0 between long ones, so that other work can run."""
    texts, pending, known = [], 0, dict[str, QuestionText]()
    # A single context may be asked many questions, and one question about many.
    counts = {"context": len({pair[0] for pair in questions}), "question": len({pair[1] for pair in questions})}
    for i, (context, question) in enumerate(questions):
        with naming_item(i, **counts):
            if context in known:
                texts.append(known[context].with_question(tokenizer, question))
            else:
                known[context] = QuestionText.of(tokenizer, context, question)
                texts.append(known[context])
                pending += len(context)
        pending += len(question)
        if pending > STEP_CHARACTERS:
            yield 0
            pending = 0
    return texts
