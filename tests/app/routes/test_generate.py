"""Text generation over HTTP equals the library's, streamed or not, alone or in company."""

import json
import math
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.schemas.generate import GenerateAnswer, GenerateEvent
from models.checkpoint.load import Checkpoint
from models.inference.config import SamplingParams
from models.inference.generation import generate, make_sequences
from tests.helpers.serving import Server, post, serving, wait_for
from tests.helpers.serving import stream as serving_stream

MODELS = ["words", "counts", "letters", "lstm", "gru"]


def ask(client: httpx.Client, model: str, **body: object) -> dict:
    answer = client.post(f"/v1/models/{model}/generate", json=body)
    assert answer.status_code == 200, answer.text
    GenerateAnswer.model_validate(answer.json())
    return answer.json()


def stream(client: httpx.Client, model: str, **body: object) -> list[dict]:
    with client.stream("POST", f"/v1/models/{model}/generate", json={**body, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines.pop() == "data: [DONE]"
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    for event in events:
        GenerateEvent.model_validate(event)
    return events


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("body", [{"temperature": 0}, {"seed": 3, "n": 3, "top_p": 0.9}, {"seed": 4, "start": "zero"}])
def test_generate_returns_the_texts_of_the_library(
    client: httpx.Client, local: dict[str, Checkpoint], model: str, body: dict
) -> None:
    content = ask(client, model, prompt="the old", max_tokens=12, **body)
    checkpoint, n = local[model], body.get("n", 1)
    params = SamplingParams(max_tokens=12, **{key: value for key, value in body.items() if key != "n"})
    expected = make_sequences(checkpoint.tokenizer, "the old", params, n)
    list(generate(checkpoint.model, expected))
    for choice, sequence in zip(content["choices"], expected, strict=True):
        assert choice["text"] == sequence.text
        assert [token["id"] for token in choice["tokens"]] == sequence.tokens
        assert choice["logprob"] == pytest.approx(sequence.logprob, abs=1e-4)
        assert choice["finish_reason"] == sequence.finish_reason
    completion = sum(len(sequence.tokens) for sequence in expected)
    prompt = len(expected[0].prompt)
    assert content["usage"] == {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": content["usage"]["prompt_tokens_details"],
    }


def test_generate_reuses_the_prefix_cache(client: httpx.Client) -> None:
    def cached(model: str, prompt: str) -> int:
        usage = ask(client, model, prompt=prompt, max_tokens=1)["usage"]
        return usage["prompt_tokens_details"]["cached_tokens"]

    def figures(model: str) -> dict:
        return client.get(f"/v1/models/{model}").json()["prefix_cache"]

    before = figures("gru")
    assert cached("gru", "a bird followed a bird") == 0
    assert cached("gru", "a bird followed a bird") == 5
    assert cached("gru", "a bird followed a bird at night") == 5
    client.post("/v1/models/gru/next", json={"context": "a bird followed a bird at night ."})
    after = figures("gru")
    assert after["hits"] - before["hits"] == 3
    assert after["misses"] - before["misses"] == 1
    assert after["cached_tokens"] - before["cached_tokens"] == 5 + 5 + 7
    assert before["bytes"] < after["bytes"] <= after["capacity_bytes"]
    assert (cached("words", "a bird"), figures("words")) == (0, None)


def test_generate_reports_the_logprobs_of_scoring(client: httpx.Client) -> None:
    choice = ask(client, "lstm", prompt="the old", max_tokens=8, seed=5)["choices"][0]
    text = " ".join(token["token"] for token in choice["tokens"])
    body = {"text": text, "context": "the old", "eos": False}
    scored = client.post("/v1/models/lstm/probability", json=body).json()["results"][0]
    assert scored["logprob"] == pytest.approx(choice["logprob"], abs=1e-4)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stop", [None, ["dog", "friend"], "a"])
def test_generate_streams_the_same_text_in_chunks(client: httpx.Client, model: str, stop: object) -> None:
    body = {"prompt": "the", "max_tokens": 15, "seed": 7, "n": 2, "stop": stop}
    whole, events = ask(client, model, **body), stream(client, model, **body)
    for choice in whole["choices"]:
        parts = [part for event in events for part in event["choices"] if part["index"] == choice["index"]]
        assert "".join(part["text"] for part in parts) == choice["text"]
        tokens = [token for part in parts for token in part["tokens"]]
        assert [token["id"] for token in tokens] == [token["id"] for token in choice["tokens"]]
        assert [part["finish_reason"] for part in parts] == [None] * (len(parts) - 1) + [choice["finish_reason"]]
    counted = {key: value for key, value in events[-1]["usage"].items() if key != "prompt_tokens_details"}
    assert whole["usage"] == counted | {"prompt_tokens_details": whole["usage"]["prompt_tokens_details"]}
    assert all("usage" not in event for event in events[:-1])


ADJUSTED = {
    "presence_penalty": 0.5,
    "frequency_penalty": 0.25,
    "repetition_penalty": 1.2,
    "logit_bias": {"the": 1.5, "1": -2},
    "top_logprobs": 3,
}


@pytest.mark.parametrize("model", ["words", "counts", "lstm", "gru"])
def test_generate_with_penalties_and_alternatives_is_the_librarys(
    client: httpx.Client, local: dict[str, Checkpoint], model: str
) -> None:
    body = {"prompt": "the old", "max_tokens": 15, "seed": 6, "n": 2, **ADJUSTED}
    content, events = ask(client, model, **body), stream(client, model, **body)
    tokenizer = local[model].tokenizer
    bias = ((tokenizer.token_to_id("the"), 1.5), (1, -2.0))
    params = SamplingParams(max_tokens=15, seed=6, **{**ADJUSTED, "logit_bias": bias})
    expected = make_sequences(tokenizer, "the old", params, 2)
    list(generate(local[model].model, expected))
    for choice, sequence in zip(content["choices"], expected, strict=True):
        assert [token["id"] for token in choice["tokens"]] == sequence.tokens
        told = [[other["id"] for other in token["top_logprobs"]] for token in choice["tokens"]]
        assert told == [[i for i, _ in best] for best in sequence.alternatives]
        parts = [part for event in events for part in event["choices"] if part["index"] == choice["index"]]
        assert [token for part in parts for token in part["tokens"]] == choice["tokens"]
        assert [part["end"] for part in parts if "end" in part] == [choice["end"] for _ in range("end" in choice)]
        assert ("end" in choice) == (choice["finish_reason"] == "end")
        for token in choice["tokens"] + [choice["end"] for _ in range("end" in choice)]:
            assert len(token["top_logprobs"]) == 3
            own = [other["logprob"] for other in token["top_logprobs"] if other["id"] == token["id"]]
            assert own in ([], [token["logprob"]])  # to the last bit


def test_generate_alternatives_are_those_of_next(client: httpx.Client) -> None:
    tokens = ask(client, "lstm", prompt="the old", max_tokens=4, seed=2, top_logprobs=5, top_k=2)
    context = "the old"
    for token in tokens["choices"][0]["tokens"]:
        body = {"context": context, "top_k": 5, "special": True}
        expected = client.post("/v1/models/lstm/next", json=body).json()["next"]
        assert [other["id"] for other in token["top_logprobs"]] == [other["id"] for other in expected]
        logprobs = [other["logprob"] for other in expected]
        assert [other["logprob"] for other in token["top_logprobs"]] == pytest.approx(logprobs, abs=1e-5)
        context += " " + token["token"]


@pytest.mark.parametrize("model", ["words", "lstm"])
def test_generate_tells_what_each_token_was_drawn_with(client: httpx.Client, model: str) -> None:
    body = {"prompt": "the old", "max_tokens": 6, "seed": 2, "temperature": 0.5, "top_k": 3, "top_logprobs": 5}
    plain = ask(client, model, **body)["choices"][0]
    (choice,) = ask(client, model, **body, sampling_probabilities=True)["choices"]
    parts = [part for event in stream(client, model, **body, sampling_probabilities=True) for part in event["choices"]]
    assert [token for part in parts for token in part["tokens"]] == choice["tokens"]
    assert [token["id"] for token in choice["tokens"]] == [token["id"] for token in plain["tokens"]]
    assert "sampling_probability" not in plain["tokens"][0] | plain["tokens"][0]["top_logprobs"][0]
    for token in choice["tokens"]:
        # The three best that may be chosen (not <unk>, id 0), with the squares of their probabilities.
        best = [other for other in token["top_logprobs"] if other["id"] != 0][:3]
        weights = [math.exp(2 * other["logprob"]) for other in best]
        expected = {other["id"]: weight / sum(weights) for other, weight in zip(best, weights, strict=True)}
        told = {other["id"]: other["sampling_probability"] for other in token["top_logprobs"]}
        assert told == {id_: pytest.approx(expected.get(id_, 0.0), rel=1e-4) for id_ in told}
        assert token["sampling_probability"] == told[token["id"]]


def test_generate_tells_impossible_alternatives(client: httpx.Client) -> None:
    # After a full stop these counts know no other word than the end.
    (choice,) = ask(client, "counts", prompt="a bird at night .", top_logprobs=2)["choices"]
    assert (choice["tokens"], choice["end"]["logprob"]) == ([], 0)
    first, second = choice["end"]["top_logprobs"]
    assert (first["token"], first["logprob"]) == ("</s>", 0)
    assert (second["logprob"], second["zero_probability"]) == (None, True)


def test_generate_never_chooses_a_token_of_bias_minus_100(client: httpx.Client) -> None:
    body = {"prompt": "the", "max_tokens": 200, "seed": 1, "ignore_end": True}
    assert "the" in ask(client, "words", **body)["choices"][0]["text"].split()
    text = ask(client, "words", **body, logit_bias={"the": -100})["choices"][0]["text"]
    assert "the" not in text.split()


def test_generate_reports_a_chosen_seed(client: httpx.Client) -> None:
    long = {"max_tokens": 20, "ignore_end": True}  # two short ones may be alike
    first = ask(client, "lstm", **long)
    assert ask(client, "lstm", **long, seed=first["seed"]) == first
    assert ask(client, "lstm", **long)["choices"] != first["choices"]


def test_generate_reports_finish_reasons(client: httpx.Client) -> None:
    assert ask(client, "words", max_tokens=1, seed=1)["choices"][0]["finish_reason"] == "length"
    assert ask(client, "words", max_tokens=60, seed=1)["choices"][0]["finish_reason"] == "end"
    assert ask(client, "words", max_tokens=60, seed=1, ignore_end=True)["choices"][0]["finish_reason"] == "length"
    stopped = ask(client, "words", max_tokens=60, seed=1, ignore_end=True, stop=".")["choices"][0]
    assert stopped["finish_reason"] == "stop"
    assert "." not in stopped["text"]
    # After a full stop these counts know no other word than the end.
    none = ask(client, "counts", prompt="a bird at night .", ignore_end=True)["choices"][0]
    assert (none["finish_reason"], none["text"]) == ("no_continuation", "")


def test_generate_for_twenty_clients_equals_each_alone(client: httpx.Client, server: Server) -> None:
    def body(i: int) -> dict:
        return {"prompt": "the old dog saw a bird " * (i % 4), "max_tokens": 5 + i, "seed": i, "ignore_end": True}

    alone = [ask(client, "lstm", **body(i)) for i in range(20)]
    with ThreadPoolExecutor(20) as pool:
        together = list(pool.map(lambda i: ask(client, "lstm", **body(i)), range(20)))
        streams = list(pool.map(lambda i: stream(client, "lstm", **body(i)), range(20)))
    for i in range(20):
        texts = [token["id"] for token in alone[i]["choices"][0]["tokens"]]
        assert [token["id"] for token in together[i]["choices"][0]["tokens"]] == texts
        assert [t["id"] for event in streams[i] for part in event["choices"] for t in part["tokens"]] == texts


@pytest.mark.parametrize("model", ["lstm", "words"])
@pytest.mark.parametrize("streaming", [True, False])
def test_generate_frees_the_place_of_a_client_that_disconnects(checkpoints, model: str, streaming: bool) -> None:
    # Room for one request only, and that one would go on for a million tokens.
    with serving(checkpoints, max_running=1, max_waiting=0, max_tokens=10**6) as server:
        body = {"max_tokens": 10**6, "ignore_end": True, "stream": streaming}
        url = f"{server.url}/v1/models/{model}/generate"
        if streaming:
            with serving_stream("POST", url, json=body) as answer:
                lines = answer.iter_lines()  # kept: httpx hangs up when it is gone
                next(lines)
                refused = post(url, json={"max_tokens": 1})
                assert (refused.status_code, refused.json()["error"]["code"]) == (429, "overloaded")
                assert 1 <= int(refused.headers["retry-after"]) <= 120
        else:
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(url, json=body, timeout=0.5)
        wait_for(lambda: post(url, json={"max_tokens": 1}).status_code == 200)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"temperature": -1}, "temperature"),
        ({"temperature": 1e-9}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"min_p": 2}, "min_p"),
        ({"n": 0}, "n"),
        ({"n": 17}, "n"),
        ({"max_tokens": 5000}, "max_tokens"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["x" * 200] * 41}, "stop"),
        ({"prompt": ["a"]}, "prompt"),
        ({"prompt": "a " * 9000}, "prompt"),
        ({"start": "middle"}, "start"),
        ({"colour": 1}, "colour"),
        ({"logit_bias": {"zebra": 1}}, "logit_bias.zebra"),
        ({"logit_bias": {"99999": 1}}, "logit_bias.99999"),
        ({"logit_bias": {"the": 101}}, "logit_bias"),
        ({"logit_bias": {"the": "much"}}, "logit_bias"),
        ({"logit_bias": [["the", 1]]}, "logit_bias"),
        ({"logit_bias": {"the": 1, "zebra the": 1}}, "logit_bias.zebra the"),
        ({"presence_penalty": 2.5}, "presence_penalty"),
        ({"frequency_penalty": -2.5}, "frequency_penalty"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"top_logprobs": -1}, "top_logprobs"),
        ({"top_logprobs": 2000, "max_tokens": 1000}, "top_logprobs"),
    ],
)
@pytest.mark.parametrize("streaming", [True, False])
def test_generate_refuses_bad_input_before_the_first_byte(
    client: httpx.Client, body: dict, param: str, streaming: bool
) -> None:
    answer = client.post("/v1/models/words/generate", json={**body, "stream": streaming})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
