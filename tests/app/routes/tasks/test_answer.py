"""Answers over HTTP: the reader's own, with their places in the context."""

import httpx
import pytest

from app.schemas.tasks.answer import AnswerAnswer
from models.checkpoint.load import Checkpoint
from models.tasks.question_answering.predict import answer
from models.utils.progress import run_to_completion
from tests.helpers.serving import Server, counted

CONTEXT = "The old dog saw a bird.\nA cat saw the dog ."
QUESTIONS = ["What saw the cat ?", "dog", "zebra ?"]


def ask(tasks: httpx.Client, model: str = "stories", **body: object) -> list[dict]:
    response = tasks.post(f"/v1/models/{model}/answer", json={"context": CONTEXT, "question": QUESTIONS, **body})
    assert response.status_code == 200, response.text
    AnswerAnswer.model_validate(response.json())
    assert response.json()["model"] == f"{model}@1"
    return response.json()["results"]


@pytest.mark.parametrize("model", ["stories", "passages"])
def test_answer_is_the_readers_own(tasks: httpx.Client, local: dict[str, Checkpoint], model: str) -> None:
    checkpoint = local[model]
    pairs = [(CONTEXT, question) for question in QUESTIONS]
    expected = run_to_completion(answer(checkpoint.model, checkpoint.tokenizer, pairs, 2))
    for result, answered in zip(ask(tasks, model, top_k=2), expected, strict=True):
        assert result["answers"] == [scored._asdict() for scored in answered.answers]
        assert (result["answer"], result["no_answer"]) == (answered.best, answered.no_answer)
    assert (result["no_answer"] is None) == (model == "stories")


@pytest.mark.parametrize("model", ["stories", "passages"])
def test_answer_probabilities_of_all_answers_and_none_sum_to_one(tasks: httpx.Client, model: str) -> None:
    for result in ask(tasks, model, context="the dog saw", top_k=100):
        total = sum(scored["probability"] for scored in result["answers"]) + (result["no_answer"] or 0)
        assert total == pytest.approx(1, abs=1e-6)
        for scored in result["answers"]:
            if scored["begin"] is not None:
                assert "the dog saw"[scored["begin"] : scored["end"]].lower() == scored["text"].lower()


def test_answer_goes_with_one_context_or_one_each(tasks: httpx.Client) -> None:
    contexts = [CONTEXT, "a bird", "the cat saw"]
    one_each = ask(tasks, context=contexts)
    assert one_each == [ask(tasks, context=c, question=q)[0] for c, q in zip(contexts, QUESTIONS, strict=True)]
    assert ask(tasks) == [ask(tasks, question=question)[0] for question in QUESTIONS]
    assert ask(tasks, context=contexts, question="dog") == [ask(tasks, context=c, question="dog")[0] for c in contexts]


def test_answer_refuses_a_model_that_answers_nothing(tasks: httpx.Client) -> None:
    response = tasks.post("/v1/models/sentiment/answer", json={"context": "a", "question": "a"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "unsupported_by_model")
    assert "its capabilities are classify, embed" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"context": None}, "context"),
        ({"context": ""}, "context"),
        ({"question": []}, "question"),
        ({"question": " ", "context": ["a", "b", "c"]}, "question"),
        ({"context": ["a", "b"]}, "question"),
        ({"context": "a " * 9000}, "context"),
        ({"question": ["a"] * 1025}, "question"),
        ({"top_k": 0}, "top_k"),
        ({"questions": "a"}, "questions"),
    ],
)
def test_answer_names_the_field_at_fault(tasks: httpx.Client, body: dict[str, object], param: str) -> None:
    fields = {"context": CONTEXT, "question": QUESTIONS, **body}
    response = tasks.post("/v1/models/stories/answer", json=fields)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


def test_answer_is_ended_at_its_deadline_and_counted(tasks: httpx.Client, task_server: Server) -> None:
    before = counted(task_server, "answer", "timed_out")
    body, headers = {"context": "the dog " * 1000, "question": ["dog ?"] * 500}, {"x-request-timeout-ms": "20"}
    response = tasks.post("/v1/models/stories/answer", json=body, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (504, "timed_out")
    assert counted(task_server, "answer", "timed_out") == before + 1
