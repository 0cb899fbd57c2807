"""Next tokens over HTTP are the model's own distribution."""

import math

import httpx
import numpy as np
import pytest

from app.schemas.next import NextAnswer, NextBatch
from models.checkpoint.load import Checkpoint
from models.special_tokens import EOS, UNK

MODELS = ["words", "counts", "letters", "lstm", "gru"]


def ask(client: httpx.Client, model: str, **body: object) -> dict:
    answer = client.post(f"/v1/models/{model}/next", json=body)
    assert answer.status_code == 200, answer.text
    (NextAnswer if isinstance(body.get("context", ""), str) else NextBatch).model_validate(answer.json())
    return answer.json()


def distribution(checkpoint: Checkpoint, context: str, bos: bool = True) -> np.ndarray:
    model, ids = checkpoint.model, checkpoint.tokenizer.encode(context).ids.astype(np.int64)
    row = model.logprobs(model.advance(model.initial_state(1, bos=bos), ids[None]))[0]
    return row.astype(np.float64)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("context", ["", "the old", "a zebra saw\nthe"])
@pytest.mark.parametrize("bos", [True, False])
def test_next_returns_the_whole_distribution(
    client: httpx.Client, local: dict[str, Checkpoint], model: str, context: str, bos: bool
) -> None:
    content = ask(client, model, context=context, top_k=0, bos=bos, entropy=True)
    expected = distribution(local[model], context, bos)
    assert sorted(entry["id"] for entry in content["next"]) == list(range(local[model].tokenizer.vocabulary_size))
    for entry in content["next"]:
        logprob = -math.inf if entry["logprob"] is None else entry["logprob"]
        assert logprob == pytest.approx(expected[entry["id"]], abs=1e-5)
        assert entry["probability"] == pytest.approx(math.exp(logprob))
        assert entry.get("zero_probability", False) == (logprob == -math.inf)
    assert sum(entry["probability"] for entry in content["next"]) == pytest.approx(1, abs=1e-5)
    assert content["mass"] == pytest.approx(1, abs=1e-5)
    p = np.exp(expected[np.isfinite(expected)])
    assert content["entropy"] == pytest.approx(-(p * np.log(p)).sum(), abs=1e-4)
    probabilities = [entry["probability"] for entry in content["next"]]
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("special", [True, False])
def test_next_top_k_is_the_head_of_the_whole(client: httpx.Client, model: str, special: bool) -> None:
    whole = ask(client, model, context="the", top_k=0)["next"]
    expected = [entry["id"] for entry in whole if special or entry["id"] > EOS][:4]
    content = ask(client, model, context="the", top_k=4, special=special)
    assert [entry["id"] for entry in content["next"]] == expected
    assert content["mass"] == pytest.approx(sum(entry["probability"] for entry in content["next"]))
    everything = ask(client, model, context="the", top_k=1000, special=special)["next"]
    assert len(everything) == (len(whole) if special else len(whole) - 2)


@pytest.mark.parametrize("model", ["words", "lstm"])
def test_next_prefix_keeps_words_that_begin_with_it(client: httpx.Client, model: str) -> None:
    whole = ask(client, model, context="the", top_k=0)["next"]
    expected = [entry for entry in whole if entry["token"].startswith("s")]
    content = ask(client, model, context="the", prefix="s", top_k=0)
    assert [entry["token"] for entry in content["next"]] == [entry["token"] for entry in expected]
    assert content["mass"] == pytest.approx(sum(entry["probability"] for entry in expected), abs=1e-6)
    assert ask(client, model, context="the", prefix="s", top_k=1)["next"] == content["next"][:1]
    assert ask(client, model, context="the", prefix="zz")["next"] == []


@pytest.mark.parametrize("model", MODELS)
def test_next_of_a_batch_equals_each_alone(client: httpx.Client, model: str) -> None:
    contexts = ["", "the", "the old dog saw", "zebra", "a"] * 15
    short = ask(client, model, context=contexts[:5], top_k=3)["results"]
    assert short == [
        {k: v for k, v in ask(client, model, context=c, top_k=3).items() if k != "model"} for c in contexts[:5]
    ]
    batch = ask(client, model, context=contexts, top_k=3, explain=True, entropy=True)
    assert len(batch["results"]) == len(contexts)
    for context, result in zip(contexts[:5], batch["results"], strict=False):
        alone = ask(client, model, context=context, top_k=3, explain=True, entropy=True)
        assert result["context"] == alone["context"]
        assert [entry["id"] for entry in result["next"]] == [entry["id"] for entry in alone["next"]]
        assert result["mass"] == pytest.approx(alone["mass"], abs=1e-5)
        assert result["entropy"] == pytest.approx(alone["entropy"], abs=1e-4)
        assert result["explain"] == alone["explain"]


def test_next_returns_the_tokenized_context(client: httpx.Client) -> None:
    assert ask(client, "words", context="the zebra saw\n<unk>")["context"] == [
        {"token": "the", "id": 2, "oov": False},
        {"token": "zebra", "id": UNK, "oov": True},
        {"token": "saw", "id": 11, "oov": False},
        {"token": "</s>", "id": EOS, "oov": False},
        {"token": "<", "id": UNK, "oov": True},  # typed, it is text and no token
        {"token": "unk", "id": UNK, "oov": True},
        {"token": ">", "id": UNK, "oov": True},
    ]


def test_next_explains_the_gates_at_each_token_of_a_model_served_in_int8(client: httpx.Client) -> None:
    answer = ask(client, "lstm", context="the old zebra", explain=True)
    explanation = answer["explain"]
    assert (explanation["kind"], [part["token"] for part in explanation["tokens"]]) == ("lstm", ["the", "old", "<unk>"])
    for part in explanation["tokens"]:
        for layer in part["layers"]:
            for gate in ("input", "forget", "output"):
                assert layer[gate].keys() == {"mean", "open", "closed"}
                assert 0 <= layer[gate]["open"] + layer[gate]["closed"] <= 1
    assert "explain" not in ask(client, "lstm", context="the old zebra")


def test_next_without_bos_starts_a_network_with_one_step_on_zeros(client: httpx.Client) -> None:
    first = ask(client, "lstm", context="", bos=False, top_k=0)["next"]
    sampled = client.post("/v1/models/lstm/generate", json={"start": "zero", "temperature": 0, "max_tokens": 1})
    token = sampled.json()["choices"][0]["tokens"][0]
    assert token["logprob"] == pytest.approx(next(e["logprob"] for e in first if e["id"] == token["id"]), abs=1e-5)


def test_next_explains_the_back_off_path_in_words(client: httpx.Client) -> None:
    path = ask(client, "words", context="zebra the", explain=True)["explain"]
    assert path["matched_order"] == 2
    assert path["context"] == ["the"]
    assert [part["context"] for part in path["backoff"]] == [["the"], []]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"context": 5}, "context"),
        ({"context": []}, "context"),
        ({"top_k": -1}, "top_k"),
        ({"top_k": "5"}, "top_k"),
        ({"top_k": True}, "top_k"),
        ({"contexts": "the"}, "contexts"),
        ({"context": ["a"] * 1025}, "context"),
        ({"context": "a " * 9000}, "context"),
    ],
)
def test_next_names_the_field_at_fault(client: httpx.Client, body: dict[str, object], param: str) -> None:
    answer = client.post("/v1/models/words/next", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(("context", "bos"), [("the old", True), ("", True), ("", False), ("dog", False)])
def test_next_says_nothing_of_a_context_that_occurred(client: httpx.Client, context: str, bos: bool) -> None:
    for explain in (False, True):
        content = ask(client, "counts", context=context, bos=bos, explain=explain)
        assert "undefined_context" not in content
        assert not explain or content["explain"]["undefined_context"] is False


@pytest.mark.parametrize("context", ["the the", "the zebra", "the old the", "dog"])
def test_next_says_that_a_context_never_occurred(client: httpx.Client, context: str) -> None:
    # the model of relative frequencies has order 3: "</s> dog" and "the the" are in no line
    content = ask(client, "counts", context=[context, "the old"], explain=True)
    assert content["results"][0]["undefined_context"] is True
    assert content["results"][0]["explain"]["undefined_context"] is True
    assert "undefined_context" not in content["results"][1]
    assert ask(client, "counts", context=context)["undefined_context"] is True
    smoothed = ask(client, "words", context=context, explain=True)
    assert "undefined_context" not in smoothed
    assert "undefined_context" not in smoothed["explain"]


def test_next_explains_the_numbers_of_the_best_words(client: httpx.Client) -> None:
    content = ask(client, "words", context="the old", explain=True, special=True)
    for part in content["explain"]["backoff"]:
        assert [word["token"] for word in part["next"]] == [word["token"] for word in content["next"]]
        assert len(part["discounts"]) == 3
    best = content["explain"]["backoff"][0]["next"][0]
    assert best["logprob"] == pytest.approx(content["next"][0]["logprob"])
