"""Request and response bodies of answering questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from app.schemas.base import MODEL_FIELD, ItemError, RequestBody, ResponseBody, SourceTexts
from app.schemas.limits import matching

if TYPE_CHECKING:
    from models.tasks.question_answering.answers import AnsweredQuestion


class AnswerRequest(RequestBody):
    """Request for the answers to questions about texts."""

    context: SourceTexts = Field(
        description="The text that is asked about. A list has one for each question, or several for one question.",
        examples=["Mary moved to the bathroom.\nJohn went to the hallway."],
        json_schema_extra=matching(r"\w"),
    )
    question: SourceTexts = Field(
        description="The question. A list is several, about one context or about one each.",
        examples=[["Where is Mary?", "Where is John?"]],
        json_schema_extra=matching(r"\w"),
    )
    top_k: int = Field(3, ge=1, le=100, description="How many of the most probable answers.", examples=[2])


class ScoredAnswer(ResponseBody):
    """A possible answer."""

    text: str = Field(description="The answer.", examples=["bathroom"])
    begin: int | None = Field(
        description="Position of its first character in the context, from 0; null where it does not stand there."
    )
    end: int | None = Field(description="Position after its last character; null likewise.")
    probability: float = Field(description="Its probability; those of all answers and of none sum to one.")


class AnswerResult(ResponseBody):
    """The answer to one question."""

    answer: str | None = Field(description="The most probable answer; null where none is more probable than that.")
    answers: list[ScoredAnswer] = Field(description="The most probable answers, best first.")
    no_answer: float | None = Field(
        description="Probability that the context does not answer the question; null for a model that always answers."
    )


class AnswerAnswer(ResponseBody):
    """Answers to the questions."""

    model: str = MODEL_FIELD
    results: list[AnswerResult | ItemError] = Field(description="One for each question, in their order.")


def answer_content(result: AnsweredQuestion) -> dict[str, Any]:
    """Return the JSON content of an answered question."""
    answers = [scored._asdict() for scored in result.answers]
    return {"answer": result.best, "answers": answers, "no_answer": result.no_answer}
