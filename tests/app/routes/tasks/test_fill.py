"""Filling in over HTTP: by any language model, exactly, and by a network made for it."""

import math

import httpx
import pytest

from app.schemas.tasks.fill import FillAnswer
from models.checkpoint.load import Checkpoint
from models.tasks.fill_in.predict import fill
from models.tasks.fill_in.query import FillQuery
from models.utils.progress import run_to_completion
from tests.helpers.serving import Server, counted

MODELS = ["words", "lstm", "filler"]
TEXT = "the old ___ saw a bird ."


def ask(tasks: httpx.Client, model: str, **body: object) -> list[dict]:
    answer = tasks.post(f"/v1/models/{model}/fill", json={"text": TEXT, **body})
    assert answer.status_code == 200, answer.text
    FillAnswer.model_validate(answer.json())
    assert answer.json()["model"] == f"{model}@1"
    return answer.json()["results"]


@pytest.mark.parametrize("model", MODELS)
def test_fill_over_the_whole_vocabulary_sums_to_one(
    tasks: httpx.Client, local: dict[str, Checkpoint], model: str
) -> None:
    (result,) = ask(tasks, model, top_k=0, shortlist=0)
    words = [filling["words"][0] for filling in result["fillings"]]
    assert sorted(words) == sorted(local[model].tokenizer.vocabulary[2:])
    assert (result["considered"], result["exact"]) == (len(words), True)
    probabilities = [filling["probability"] for filling in result["fillings"]]
    assert sum(probabilities) == pytest.approx(1, abs=1e-6)
    assert probabilities == sorted(probabilities, reverse=True)
    (few,) = ask(tasks, model, top_k=3, shortlist=0)
    assert few["fillings"] == result["fillings"][:3]


@pytest.mark.parametrize("model", ["words", "lstm"])
def test_fill_by_a_language_model_ranks_by_the_probability_of_the_whole_text(tasks: httpx.Client, model: str) -> None:
    candidates = ["dog", "cat", "bird", "zebra"]
    (result,) = ask(tasks, model, candidates=candidates, top_k=0)
    assert sorted(filling["words"][0] for filling in result["fillings"]) == sorted(candidates)
    for filling in result["fillings"]:
        assert filling["text"] == TEXT.replace("___", filling["words"][0])
        assert filling["oov"] == [filling["words"] == ["zebra"]]
        scored = tasks.post(f"/v1/models/{model}/probability", json={"text": filling["text"]}).json()["total"]
        assert filling["text_logprob"] == pytest.approx(scored["logprob"], abs=1e-4)
        assert filling["probability"] == pytest.approx(math.exp(filling["logprob"]))


def test_fill_by_a_network_is_the_models_own(tasks: httpx.Client, local: dict[str, Checkpoint]) -> None:
    texts = [TEXT, "___", "the ___ saw the ___ ."]
    filler = local["filler"]
    expected = run_to_completion(fill(filler.model, filler.tokenizer, texts, FillQuery(top_k=4)))
    for result, filled in zip(ask(tasks, "filler", text=texts, top_k=4), expected, strict=True):
        assert [(blank["begin"], blank["end"]) for blank in result["blanks"]] == list(filled.blanks)
        assert [(f["words"], f["logprob"]) for f in result["fillings"]] == [
            (list(f.words), f.logprob) for f in filled.fillings
        ]
        assert all("text_logprob" not in filling for filling in result["fillings"])
    assert ask(tasks, "filler", text=texts, top_k=4) == [ask(tasks, "filler", text=t, top_k=4)[0] for t in texts]


def test_fill_refuses_a_model_that_fills_nothing(tasks: httpx.Client) -> None:
    answer = tasks.post("/v1/models/sentiment/fill", json={"text": TEXT})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_by_model")
    assert "its capabilities are classify, embed" in answer.json()["error"]["message"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"text": "no blank"}, "text"),
        ({"text": "___ " * 9}, "text"),
        ({"text": ""}, "text"),
        ({"text": "a " * 9000 + "___"}, "text"),
        ({"top_k": -1}, "top_k"),
        ({"beam": 0}, "beam"),
        ({"shortlist": -1}, "shortlist"),
        ({"candidates": ["a", "a"]}, "candidates"),
        ({"candidates": ["a", ""]}, "candidates"),
        ({"candidates": [f"word{i}" for i in range(1025)]}, "candidates"),
        ({"candidate": ["a"]}, "candidate"),
    ],
)
def test_fill_names_the_field_at_fault(tasks: httpx.Client, model: str, body: dict[str, object], param: str) -> None:
    answer = tasks.post(f"/v1/models/{model}/fill", json={"text": TEXT, **body})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_fill_is_ended_at_its_deadline_and_counted(tasks: httpx.Client, task_server: Server) -> None:
    before = counted(task_server, "fill", "timed_out")
    body, headers = {"text": [f"{'the old dog ' * 300} ___"] * 100}, {"x-request-timeout-ms": "20"}
    answer = tasks.post("/v1/models/filler/fill", json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timed_out")
    assert counted(task_server, "fill", "timed_out") == before + 1
