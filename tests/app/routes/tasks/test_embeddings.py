"""Embeddings over HTTP: OpenAI's shape, the model's own vectors, and vectors per token."""

import base64

import httpx
import numpy as np
import pytest

from app.schemas.tasks.embeddings import EmbeddingsAnswer
from models.checkpoint.load import Checkpoint
from models.tasks.embedding.predict import embed
from models.utils.progress import run_to_completion
from tests.helpers.serving import Server, counted

TEXTS = ["the old dog saw a bird", "", "A zebra.\nIt saw me"]
MODELS = ["sentiment", "topics", "lstm"]


def ask(tasks: httpx.Client, model: str = "sentiment", **body: object) -> dict:
    answer = tasks.post("/v1/embeddings", json={"model": model, **body})
    assert answer.status_code == 200, answer.text
    EmbeddingsAnswer.model_validate(answer.json())
    return answer.json()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("pooling", ["mean", "max", "last"])
def test_embeddings_are_the_models_vectors(
    tasks: httpx.Client, local: dict[str, Checkpoint], model: str, pooling: str
) -> None:
    checkpoint = local[model]
    expected = run_to_completion(embed(checkpoint.model, checkpoint.tokenizer, TEXTS, pooling))
    content = ask(tasks, model, input=TEXTS, pooling=pooling)
    assert (content["object"], content["model"]) == ("list", f"{model}@1")
    assert [(entry["object"], entry["index"]) for entry in content["data"]] == [("embedding", i) for i in range(3)]
    for entry, embedding in zip(content["data"], expected, strict=True):
        assert entry["embedding"] == embedding.vector.tolist()
    tokens = sum(len(checkpoint.tokenizer.encode(text).ids) + 1 for text in TEXTS)
    assert content["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


def test_embeddings_in_base64_are_little_endian_floats(tasks: httpx.Client) -> None:
    numbers = ask(tasks, input="the old dog")["data"][0]["embedding"]
    encoded = ask(tasks, input="the old dog", encoding_format="base64")["data"][0]["embedding"]
    assert np.frombuffer(base64.b64decode(encoded), "<f4").tolist() == numbers


@pytest.mark.parametrize("model", MODELS)
def test_embeddings_per_token_have_offsets_and_are_what_is_pooled(tasks: httpx.Client, model: str) -> None:
    for text, entry in zip(TEXTS, ask(tasks, model, input=TEXTS, per_token=True)["data"], strict=True):
        *tokens, end = entry["tokens"]
        assert [text[token["begin"] : token["end"]] for token in tokens] == [
            "\n" if token["token"] == "</s>" else token["token"] for token in tokens
        ]
        assert (end["token"], end["begin"], end["end"]) == ("</s>", len(text), len(text))
        mean = np.mean([token["embedding"] for token in entry["tokens"]], axis=0)
        assert entry["embedding"] == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_embeddings_are_the_same_to_the_last_bit_alone_and_in_a_list(tasks: httpx.Client, model: str) -> None:
    texts = [f"{'the old ' * (i % 9)}dog" for i in range(20)]
    together = [entry["embedding"] for entry in ask(tasks, model, input=texts)["data"]]
    assert [ask(tasks, model, input=text)["data"][0]["embedding"] for text in texts] == together


def test_embeddings_of_a_token_depend_on_what_follows_in_a_bidirectional_model_only(tasks: httpx.Client) -> None:
    def vectors(model: str) -> list[list[float]]:
        data = ask(tasks, model, input=["old dog", "old cat"], per_token=True)["data"]
        return [entry["tokens"][0]["embedding"] for entry in data]

    first, second = vectors("sentiment")
    assert first != second
    first, second = vectors("lstm")
    assert first == second


def test_embeddings_accept_what_openais_clients_send(tasks: httpx.Client) -> None:
    size = len(ask(tasks, input="the")["data"][0]["embedding"])
    assert ask(tasks, input="the", encoding_format="base64", dimensions=size, user="me")["data"]


@pytest.mark.parametrize(
    ("body", "param", "part"),
    [
        ({}, "input", ""),
        ({"input": [5, 6]}, "input", "token ids are not accepted"),
        ({"input": [[5], [6]]}, "input", "token ids are not accepted"),
        ({"input": []}, "input", ""),
        ({"input": ["a"] * 1025}, "input", "1024"),
        ({"input": "a " * 9000}, "input", "8192"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format", "base64"),
        ({"input": "a", "dimensions": 5}, "dimensions", "16 numbers"),
        ({"input": "a", "pooling": "sum"}, "pooling", ""),
        ({"input": ["a " * 8000] * 20, "per_token": True}, "per_token", "1000000 numbers"),
        ({"input": "a", "normalize": True}, "normalize", "no such field"),
        ({"input": "a", "model": "words"}, "model", "cannot embed; its capabilities are fill, generate"),
    ],
)
def test_embeddings_name_the_field_at_fault(
    tasks: httpx.Client, body: dict[str, object], param: str, part: str
) -> None:
    answer = tasks.post("/v1/embeddings", json={"model": "sentiment", **body})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert part in answer.json()["error"]["message"]


def test_embeddings_of_an_unknown_model_are_not_found(tasks: httpx.Client) -> None:
    answer = tasks.post("/v1/embeddings", json={"model": "nothing", "input": "a"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_embeddings_are_ended_at_their_deadline_and_counted(tasks: httpx.Client, task_server: Server) -> None:
    before = counted(task_server, "embeddings", "timed_out")
    body, headers = {"model": "sentiment", "input": ["the old dog " * 300] * 1000}, {"x-request-timeout-ms": "20"}
    answer = tasks.post("/v1/embeddings", json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timed_out")
    assert counted(task_server, "embeddings", "timed_out") == before + 1
