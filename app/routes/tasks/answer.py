"""Route POST /v1/models/{model}/answer: answers to questions about a text."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Depends

from app.engine.isolation import good_items
from app.http.declared_errors import raises
from app.http.item_errors import told_errors
from app.http.responses import OrjsonResponse
from app.routes.dependencies import WORK_ERRORS, ModelRequest, model_injector
from app.routes.router import resource_router
from app.schemas.tasks.answer import AnswerAnswer, AnswerRequest, answer_content
from models.errors import InvalidInput
from models.tasks.question_answering.answerer import QuestionAnswerer
from models.tasks.question_answering.predict import answer
from models.tokenization.tokenizer import Tokenizer

router = resource_router("tasks", "/v1/models")
ReaderRequest = Annotated[ModelRequest, Depends(model_injector("babi-reader", "a reader of short stories"))]


@router.post("/{model}/answer", response_model=AnswerAnswer, summary="Answer questions")
@raises(*WORK_ERRORS)
async def answer_questions(request: ReaderRequest, body: AnswerRequest) -> OrjsonResponse:
    """Answer each question about its context, with the places of the answers in it."""
    model, tokenizer = request.checkpoint.model, request.checkpoint.tokenizer
    if not isinstance(model, QuestionAnswerer):
        raise request.checkpoint.unsupported_error("answer")
    questions = _pair(request.check_texts("context", body.context), request.check_texts("question", body.question))
    tokens = request.estimate_tokens([text for question in good_items(questions) for text in question])
    predict = partial(_answer, model, tokenizer, top_k=body.top_k)
    results = await request.run_texts(("answer", body.top_k), predict, questions, tokens)
    return OrjsonResponse(
        {"model": request.served.id, "results": told_errors(results, context=body.context, question=body.question)}
    )


def _pair(
    contexts: Sequence[str | InvalidInput], questions: Sequence[str | InvalidInput]
) -> list[tuple[str, str] | InvalidInput]:
    """Return each question with its context; a single one goes with all. Raises InvalidInput.

    An error stands in the place of a pair of which either is one.
    """
    count = max(len(contexts), len(questions))
    contexts, questions = (list(texts) * count if len(texts) == 1 else texts for texts in (contexts, questions))
    if len(contexts) != len(questions):
        raise InvalidInput("question", f"must be one, or as many as contexts: {len(contexts)}, not {len(questions)}")
    return [_pair_or_error(*pair) for pair in zip(contexts, questions, strict=True)]


def _pair_or_error(context: str | InvalidInput, question: str | InvalidInput) -> tuple[str, str] | InvalidInput:
    if isinstance(context, InvalidInput):
        return context
    return question if isinstance(question, InvalidInput) else (context, question)


def _answer(
    answerer: QuestionAnswerer, tokenizer: Tokenizer, questions: Sequence[tuple[str, str]], *, top_k: int
) -> Generator[int, None, list[dict[str, Any]]]:
    """Answer questions as work of the engine; return the content for each."""
    answered = yield from answer(answerer, tokenizer, questions, top_k)
    return [answer_content(result) for result in answered]
