"""Pseudo-log-likelihoods over HTTP: each token judged by all the others."""

import math

import httpx
import pytest

from app.schemas.tasks.fill import PseudoLogprobAnswer


def ask(tasks: httpx.Client, **body: object) -> list[dict]:
    answer = tasks.post("/v1/models/filler/pseudo_logprob", json=body)
    assert answer.status_code == 200, answer.text
    PseudoLogprobAnswer.model_validate(answer.json())
    return answer.json()["results"]


def test_pseudo_logprob_is_the_sum_of_what_fill_says_of_each_word(tasks: httpx.Client) -> None:
    words = ["the", "old", "zebra", "saw", "."]
    (result,) = ask(tasks, text=" ".join(words), tokens=True)
    assert [token["token"] for token in result["tokens"]] == words
    assert (result["token_count"], result["oov_count"]) == (5, 1)
    total = sum(token["pseudo_logprob"] for token in result["tokens"])
    assert result["pseudo_logprob"] == pytest.approx(total, abs=1e-5)
    assert result["pseudo_perplexity"] == pytest.approx(math.exp(-total / 5), rel=1e-5)
    # /fill leaves <unk> and </s> out: the ratio of two words is the same there.
    text = " ".join(["___", *words[1:]])
    fillings = tasks.post("/v1/models/filler/fill", json={"text": text, "top_k": 0}).json()["results"][0]["fillings"]
    filled = {filling["words"][0]: filling["logprob"] for filling in fillings}
    (other,) = ask(tasks, text=" ".join(["a", *words[1:]]), tokens=True)
    difference = result["tokens"][0]["pseudo_logprob"] - other["tokens"][0]["pseudo_logprob"]
    assert filled["the"] - filled["a"] == pytest.approx(difference, abs=1e-5)


def test_pseudo_logprob_of_an_empty_text_has_no_perplexity(tasks: httpx.Client) -> None:
    (result,) = ask(tasks, text="")
    assert result == {"pseudo_logprob": 0, "pseudo_perplexity": None, "token_count": 0, "oov_count": 0}


@pytest.mark.parametrize("model", ["words", "lstm", "sentiment"])
def test_pseudo_logprob_is_for_fill_in_models(tasks: httpx.Client, model: str) -> None:
    answer = tasks.post(f"/v1/models/{model}/pseudo_logprob", json={"text": "a"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_by_model")
    assert "which is for fill-in models; its capabilities are " in answer.json()["error"]["message"]
