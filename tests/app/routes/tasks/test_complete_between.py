"""Completion by fill-in models over HTTP: the words of the route fill, and those alone that were typed."""

from __future__ import annotations

import httpx
import pytest

LEFT, RIGHT = "my friend liked the", "and slept"


def complete(tasks: httpx.Client, model: str = "filler", **body: object) -> dict:
    answer = tasks.post(f"/v1/models/{model}/complete", json={"context": LEFT, **body})
    return {"status": answer.status_code, **answer.json()}


def test_complete_by_a_fill_in_model_gives_the_words_that_fill_the_blank(tasks: httpx.Client) -> None:
    body = {"text": f"{LEFT} ___ {RIGHT}", "top_k": 0}
    (result,) = tasks.post("/v1/models/filler/fill", json=body).json()["results"]
    fillings = {filling["words"][0]: filling["logprob"] for filling in result["fillings"]}
    completions = complete(tasks, right=RIGHT, top_k=3)["completions"]
    assert [item["text"] for item in completions] == list(fillings)[:3]
    for item in completions:
        assert item["logprob"] == pytest.approx(fillings[item["text"]], abs=1e-5)
        assert item["posterior"] == pytest.approx(item["probability"], rel=1e-4)


def test_complete_by_a_fill_in_model_keeps_to_what_was_typed(tasks: httpx.Client) -> None:
    typed = complete(tasks, right=RIGHT, prefix="d", top_k=100)["completions"]
    words = [item["text"] for item in typed]
    assert words
    assert all(word.startswith("d") for word in words)
    assert sum(item["posterior"] for item in typed) == pytest.approx(1)


def test_complete_by_a_fill_in_model_heeds_own_words_and_excluded_ones(tasks: httpx.Client) -> None:
    words = [item["text"] for item in complete(tasks, right=RIGHT, top_k=100)["completions"]]
    shown = complete(tasks, right=RIGHT, top_k=100, exclude=[words[0].upper()], bias={words[2]: 50.0})
    assert [item["text"] for item in shown["completions"]] == [words[2], words[1], *words[3:]]


@pytest.mark.parametrize(
    ("model", "field", "body"),
    [("filler", "words", {"words": 2}), ("filler", "recent", {"recent": "a dog"}), ("sentiment", "model", {})],
)
def test_complete_says_what_a_task_model_cannot_do(tasks: httpx.Client, model: str, field: str, body: dict) -> None:
    answer = complete(tasks, model, **body)
    assert (answer["status"], answer["error"]["param"]) == (400, field)
