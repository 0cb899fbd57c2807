"""Completions over HTTP equal the library's, and what is wrong with a request is named."""

from __future__ import annotations

import math

import httpx
import numpy as np
import pytest

from app.routes.trades.complete import CONTEXT_TOKENS
from app.schemas.trades.complete import CompleteAnswer
from models.checkpoint.load import Checkpoint
from models.composite.config import CacheConfig
from models.composite.recent_text import RecentTextModel
from models.inference.typing.complete import complete
from models.inference.typing.query import CompletionQuery
from models.utils.progress import run_to_completion

CONTEXT = "my friend liked the"
MODELS = ["words", "counts", "letters", "lstm", "gru"]


def ask(client: httpx.Client, model: str, **body: object) -> dict:
    answer = client.post(f"/v1/models/{model}/complete", json={"context": CONTEXT, **body})
    assert answer.status_code == 200, answer.text
    CompleteAnswer.model_validate(answer.json())
    return answer.json()


def refuse(client: httpx.Client, **body: object) -> str:
    answer = client.post("/v1/models/words/complete", json={"context": CONTEXT, **body})
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]["param"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prefix": "o", "top_k": 3, "right": "dog ."},
        {"keystrokes": [{"o": 0.5, "d": 0.5}], "words": 2, "beam": 4},
        {"prefix": "d", "bias": {"dingo": 4.0, "dog": -1.0}, "exclude": ["dogs"], "ignore_case": True},
    ],
)
def test_complete_tells_what_the_library_does(
    client: httpx.Client, local: dict[str, Checkpoint], model: str, body: dict
) -> None:
    checkpoint, answer = local[model], ask(client, model, **body)
    steps = complete(checkpoint.predictor, checkpoint.tokenizer, CONTEXT, CompletionQuery(**body))
    expected = run_to_completion(steps)
    assert answer["typed"] == expected.typed
    assert answer["considered"] == expected.considered
    assert ("mass" in answer) == ("bias" not in body)
    for told, completion in zip(answer["completions"], expected.completions, strict=True):
        assert told["text"] == completion.text
        assert told["logprob"] == pytest.approx(completion.logprob, abs=1e-4)
        assert told["probability"] == pytest.approx(math.exp(completion.logprob), rel=1e-3)
        assert told["posterior"] == pytest.approx(completion.posterior, abs=1e-3)
        assert told.get("oov", False) == completion.oov
        assert told.get("ends_line", False) == completion.ends_line


@pytest.mark.parametrize("model", ["words", "letters", "lstm"])
def test_complete_gives_a_word_the_probability_that_analyze_gives_it(client: httpx.Client, model: str) -> None:
    for completion in ask(client, model, top_k=3)["completions"]:
        text = f"{CONTEXT} {completion['text']}"
        body = {"text": text, "eos": False, "spans": [[len(CONTEXT) + 1, len(text)]]}
        (result,) = client.post(f"/v1/models/{model}/analyze", json=body).json()["results"]
        assert result["units"][0]["surprisal"] == pytest.approx(-completion["logprob"] / math.log(2), abs=1e-3)


def test_complete_expects_recent_words_again(client: httpx.Client, local: dict[str, Checkpoint]) -> None:
    checkpoint, recent = local["words"], "a bird saw a bird"
    answer = ask(client, "words", recent=recent, recent_weight=0.5, prefix="b")
    ids = np.asarray(checkpoint.tokenizer.encode(recent).ids)
    model = RecentTextModel(CacheConfig(len(ids) + CONTEXT_TOKENS, 0.25, 0.25), checkpoint.predictor, ids)
    expected = run_to_completion(complete(model, checkpoint.tokenizer, CONTEXT, CompletionQuery("b")))
    told = {completion["text"]: completion["logprob"] for completion in answer["completions"]}
    assert told == pytest.approx({item.text: item.logprob for item in expected.completions})
    before = {
        completion["text"]: completion["logprob"] for completion in ask(client, "words", prefix="b")["completions"]
    }
    assert told["bird"] > before["bird"]
    assert (
        ask(client, "words", prefix="b", recent_weight=0.5)["completions"]
        == ask(client, "words", prefix="b")["completions"]
    )


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("top_k", {"top_k": 101}),
        ("words", {"words": 0}),
        ("beam", {"beam": 257}),
        ("shortlist", {"top_k": 9, "shortlist": 8}),
        ("prefix", {"prefix": "a" * 65}),
        ("keystrokes.0", {"keystrokes": [{"a": 0.0}]}),
        ("keystrokes.0", {"keystrokes": [{" ": 1.0}]}),
        ("bias", {"bias": {"two words": 1.0}}),
        ("right", {"right": "a" * 1001}),
        ("recent", {"recent": "a" * 20001}),
        ("recent_weight", {"recent_weight": 1.5}),
        ("exclude", {"exclude": ["a"] * 2001}),
    ],
)
def test_complete_names_the_field_that_is_not_accepted(client: httpx.Client, field: str, body: dict) -> None:
    assert refuse(client, **body) == field
