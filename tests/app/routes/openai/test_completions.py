"""Completions over HTTP: their figures are those of `generate` and `probability`, whatever the shape of the prompt."""

import json
import math

import httpx
import pytest

from app.schemas.openai.completion_answer import CompletionAnswer, CompletionEvent
from models.checkpoint.load import Checkpoint
from models.special_tokens import EOS
from tests.helpers.serving import Server, busy, counted, publish_all, serving

MODELS = ["words", "counts", "letters", "lstm"]
TEXTS = ["the old", "a bird saw the zebra", "the cat ,\r\nand the dog"]


def ask(client: httpx.Client, path: str = "/v1/completions", **body: object) -> dict:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    CompletionAnswer.model_validate(answer.json())
    return answer.json()


def refused(client: httpx.Client, **body: object) -> dict:
    answer = client.post("/v1/completions", json={"model": "words", **body})
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]


def events(client: httpx.Client, **body: object) -> list[dict]:
    with client.stream("POST", "/v1/completions", json={**body, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert lines.pop() == "data: [DONE]"
    contents = [json.loads(line.removeprefix("data: ")) for line in lines]
    for content in contents:
        CompletionEvent.model_validate(content)
    return contents


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("params", [{"temperature": 0}, {"seed": 3, "n": 3, "top_p": 0.9, "frequency_penalty": 0.5}])
def test_completions_have_the_texts_of_generate(client: httpx.Client, model: str, params: dict) -> None:
    body = {"prompt": "the old", "max_tokens": 9, "stop": ["bird", "saw the", *map(str, range(900))], **params}
    expected = client.post(f"/v1/models/{model}/generate", json=body).json()
    content = ask(client, model=model, **body)
    assert [choice["text"] for choice in content["choices"]] == [choice["text"] for choice in expected["choices"]]
    assert [choice["index"] for choice in content["choices"]] == list(range(params.get("n", 1)))
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert content["usage"][name] == expected["usage"][name]
    assert "/" not in content["model"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("k", [0, 2, 7])
def test_completions_echo_the_logprobs_of_probability(client: httpx.Client, model: str, k: int) -> None:
    for text in TEXTS:
        body = {"text": text, "tokens": True, "eos": False}
        scored = client.post(f"/v1/models/{model}/probability", json=body).json()["results"][0]["tokens"]
        (choice,) = ask(client, model=model, prompt=text, echo=True, logprobs=k, max_tokens=0)["choices"]
        assert choice["text"] == text
        logprobs = choice["logprobs"]
        assert logprobs["token_logprobs"][0] is None
        for token, own in zip(scored[1:], logprobs["token_logprobs"][1:], strict=True):
            assert own == pytest.approx(-9999.0 if token["logprob"] is None else token["logprob"], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("k", [0, 1, 6, -1])
def test_logprobs_of_a_token_are_its_entry_among_the_best(
    client: httpx.Client, local: dict[str, Checkpoint], model: str, k: int
) -> None:
    body = {"prompt": "a bird zebra saw", "echo": True, "logprobs": k, "max_tokens": 6, "temperature": 0.7, "seed": 2}
    content = ask(client, model=model, **body)
    logprobs = content["choices"][0]["logprobs"]
    ends = content["choices"][0]["finish_reason"] == "stop"
    count = content["usage"]["total_tokens"] + ends
    assert {name: len(column) for name, column in logprobs.items()} == dict.fromkeys(logprobs, count)
    assert logprobs["token_logprobs"][0] is logprobs["top_logprobs"][0] is None
    rows = zip(logprobs["tokens"][1:], logprobs["token_logprobs"][1:], logprobs["top_logprobs"][1:], strict=True)
    size = local[model].tokenizer.vocabulary_size
    for token, own, best in rows:
        assert best[token] == own
        assert len(best) == size if k == -1 else k <= len(best) <= k + 1
        if k == -1:  # the raw distribution, whatever the temperature
            assert math.fsum(map(math.exp, best.values())) == pytest.approx(1, abs=1e-3)


def test_offsets_are_those_of_tokens_in_the_text(client: httpx.Client) -> None:
    (choice,) = ask(
        client, model="words", prompt="the old  dog, and", echo=True, logprobs=1, max_tokens=5, temperature=0
    )["choices"]
    text, logprobs = choice["text"], choice["logprobs"]
    for token, offset in zip(logprobs["tokens"], logprobs["text_offset"], strict=True):
        assert token == "</s>" or text[offset : offset + len(token)] == token


@pytest.mark.parametrize("model", MODELS)
def test_ids_are_read_like_the_text_that_they_are_of(
    client: httpx.Client, local: dict[str, Checkpoint], model: str
) -> None:
    ids = [local[model].tokenizer.encode(text).ids.tolist() for text in ("the old", "a bird saw")]
    body = {"model": model, "echo": True, "logprobs": 2, "max_tokens": 3, "temperature": 0}
    texts = ask(client, prompt=["the old", "a bird saw"], **body)["choices"]
    assert ask(client, prompt=ids, **body)["choices"] == texts
    assert ask(client, prompt=ids[0], **body)["choices"] == texts[:1]


@pytest.mark.parametrize("model", MODELS)
def test_end_of_text_before_all_ids_is_the_boundary(
    client: httpx.Client, local: dict[str, Checkpoint], model: str
) -> None:
    ids = local[model].tokenizer.encode("a bird saw").ids.tolist()
    body = {"model": model, "echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}
    without, begun = ask(client, prompt=[ids, [EOS, *ids]], **body)["choices"]
    assert begun["text"] == without["text"]
    told, all_told = without["logprobs"], begun["logprobs"]
    assert all_told["tokens"] == ["</s>", *told["tokens"]]
    assert all_told["token_logprobs"][2:] == told["token_logprobs"][1:]
    text = {"text": "a bird saw", "eos": False}
    whole = client.post(f"/v1/models/{model}/probability", json=text).json()["results"][0]["logprob"]
    assert math.fsum(all_told["token_logprobs"][1 : 1 + len(ids)]) == pytest.approx(whole, rel=1e-6)


def test_an_immediate_end_has_its_entry(client: httpx.Client) -> None:
    body = {"logit_bias": {"1": 100}, "echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}
    content = ask(client, model="lstm", prompt="the old", **body)
    (choice,) = content["choices"]
    assert choice["text"] == "the old"
    assert choice["finish_reason"] == "stop"
    assert choice["logprobs"]["tokens"] == ["the", "old", "</s>"]
    assert content["usage"]["completion_tokens"] == 0


def test_zero_probability_is_a_finite_number(client: httpx.Client) -> None:
    body = {"echo": True, "logprobs": 1, "max_tokens": 0}
    (choice,) = ask(client, model="counts", prompt="the zebra", **body)["choices"]
    assert choice["logprobs"]["token_logprobs"] == [None, -9999.0]
    assert choice["logprobs"]["top_logprobs"][1]["<unk>"] == -9999.0


def test_best_of_tells_the_most_probable_texts(client: httpx.Client) -> None:
    def means(**body: object) -> list[tuple[float, str]]:
        choices = ask(client, model="lstm", prompt="the", seed=7, max_tokens=5, logprobs=0, **body)["choices"]
        columns = [choice["logprobs"]["token_logprobs"] for choice in choices]
        return [(sum(own) / len(own), choice["text"]) for own, choice in zip(columns, choices, strict=True)]

    assert means(n=2, best_of=6) == sorted(means(n=6), reverse=True)[:2]


def test_many_prompts_are_answered_in_order(client: httpx.Client) -> None:
    prompts = [f"{'a bird ' * (i % 4)}the" for i in range(90)]  # more than rows and places to wait
    content = ask(client, model="gru", prompt=prompts, n=2, max_tokens=2, seed=1)
    assert [choice["index"] for choice in content["choices"]] == list(range(180))
    alone = ask(client, model="gru", prompt=prompts[5], n=2, max_tokens=2, seed=1)["choices"]
    assert [choice["text"] for choice in content["choices"][10:12]] == [choice["text"] for choice in alone]


def test_seed_below_zero_is_returned_and_gives_the_texts_of_the_one_2_to_the_64_above(client: httpx.Client) -> None:
    below, above = (ask(client, model="lstm", prompt="the", max_tokens=5, seed=seed) for seed in (-3, 2**64 - 3))
    assert (below["seed"], above["seed"]) == (-3, 2**64 - 3)
    assert below["choices"] == above["choices"]


@pytest.mark.parametrize("body", [{"n": 2, "seed": 5}, {"echo": True, "logprobs": 2, "temperature": 0}])
@pytest.mark.parametrize("max_tokens", [0, 6])
def test_streams_add_up_to_the_answer(client: httpx.Client, body: dict, max_tokens: int) -> None:
    body |= {"model": "letters", "prompt": ["the old", "a bird"], "max_tokens": max_tokens}
    whole = ask(client, **body)
    *parts, last = events(client, stream_options={"include_usage": True}, **body)
    assert last["choices"] == []
    assert {name: last["usage"][name] for name in ("prompt_tokens", "completion_tokens")} == {
        name: whole["usage"][name] for name in ("prompt_tokens", "completion_tokens")
    }
    assert all(part["usage"] is None for part in parts)
    for choice in whole["choices"]:
        pieces = [part["choices"][0] for part in parts if part["choices"][0]["index"] == choice["index"]]
        assert "".join(piece["text"] for piece in pieces) == choice["text"]
        assert [piece["finish_reason"] for piece in pieces][-1] == choice["finish_reason"]
        if choice["logprobs"]:
            for name, column in choice["logprobs"].items():
                assert [entry for piece in pieces for entry in piece["logprobs"][name]] == column
    assert "usage" not in events(client, **body)[-1]


def test_unknown_fields_are_ignored_and_named(client: httpx.Client) -> None:
    body = {"model": "words", "prompt": "the", "max_tokens": 1, "min_tokens": 0, "caf\u00e9, x": 1, "user": None}
    answer = client.post("/v1/completions", json=body)
    assert answer.status_code == 200
    assert answer.headers["x-ignored-fields"] == "caf%C3%A9%2C%20x, min_tokens"
    assert (
        "x-ignored-fields" not in client.post("/v1/completions", json={"model": "words", "temperature": None}).headers
    )


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": 1}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [["a"]]}, "prompt"),
        ({"prompt": [[1], "a"]}, "prompt"),
        ({"prompt": [10**6]}, "prompt"),
        ({"prompt": [[1], [-1]]}, "prompt"),
        ({"prompt": [[1], [10**6]]}, "prompt.1"),
        ({"prompt": "the " * 9000}, "prompt"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 10**6}, "max_tokens"),
        ({"n": 17}, "n"),
        ({"n": 3, "best_of": 2}, "best_of"),
        ({"best_of": 2, "stream": True}, "best_of"),
        ({"prompt": ["a"] * 65, "stream": True}, "prompt"),
        ({"logprobs": -2}, "logprobs"),
        ({"prompt": ["the"] * 1000, "max_tokens": 4000, "logprobs": 1}, "logprobs"),
        ({"suffix": "end"}, "suffix"),
        ({"logit_bias": {"99999": 1}}, "logit_bias.99999"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream_options": 1}, "stream_options"),
        ({"stop": ["x" * 200] * 41}, "stop"),
        ({"stop": ""}, "stop"),
    ],
)
def test_errors_name_the_field(client: httpx.Client, body: dict, param: str) -> None:
    assert refused(client, **body)["param"] == param


@pytest.mark.parametrize("model", ["words", "lstm"])
def test_long_prompts_are_scored_in_slices(client: httpx.Client, local: dict[str, Checkpoint], model: str) -> None:
    tokenizer = local[model].tokenizer
    ids = tokenizer.encode("the old dog saw a bird . " * (17000 if model == "words" else 1500)).ids.tolist()
    body = {"echo": True, "logprobs": 1 if model == "words" else 0, "max_tokens": 1, "temperature": 0}
    content = ask(client, model=model, prompt=[ids], **body)
    assert content["usage"]["prompt_tokens"] == len(ids) > 10_000
    assert len(content["choices"][0]["logprobs"]["tokens"]) == len(ids) + 1


def test_path_names_the_model(client: httpx.Client) -> None:
    body = {"prompt": "the", "max_tokens": 2, "temperature": 0}
    expected = ask(client, model="lstm", **body)["choices"]
    for extra in ({"model": "lstm"}, {"model": "gpt-3.5-turbo-instruct"}, {"model": None}, {}):
        content = ask(client, "/m/lstm/v1/completions", **body, **extra)
        assert (content["choices"], content["model"]) == (expected, "lstm@1")
    assert client.post("/m/nothing/v1/completions", json=body).status_code == 404
    listed = client.get("/m/lstm/v1/models").json()["data"]
    assert [model["id"] for model in listed] == ["lstm@1"]
    vectors = client.post("/m/lstm/v1/embeddings", json={"input": "the old"}).json()
    assert vectors["data"] == client.post("/v1/embeddings", json={"input": "the old", "model": "lstm"}).json()["data"]


def test_completions_are_counted_as_work_of_models(server: Server) -> None:
    before = counted(server, "completions", "ok")
    with httpx.Client(base_url=server.url, timeout=60) as client:
        ask(client, model="words", prompt="the", max_tokens=1)
        ask(client, "/m/words/v1/completions", model="words", prompt="the", max_tokens=1)
    assert counted(server, "completions", "ok") == before + 2


def test_completions_without_room_say_when_to_try_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("busy") / "checkpoints"
    publish_all(root)
    with serving(root, max_running=1, max_waiting=0, max_tokens=10**6) as server, busy(server, "lstm"):
        for path in ("/v1/completions", "/m/lstm/v1/completions"):
            answer = httpx.post(server.url + path, json={"model": "lstm", "prompt": "the"}, timeout=60)
            assert answer.status_code == 429
            assert 0 < int(answer.headers["retry-after"]) <= 120
