"""OpenAI's own Python client, against the service on a real port."""

import math
from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.helpers.serving import Server, busy, publish_all, serving


@pytest.fixture(scope="module")
def openai_client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_openai_client_completes_a_prompt(openai_client: openai.OpenAI, client: httpx.Client) -> None:
    completion = openai_client.completions.create(model="words", prompt="the old", max_tokens=6, temperature=0)
    expected = client.post(
        "/v1/models/words/generate", json={"prompt": "the old", "max_tokens": 6, "temperature": 0}
    ).json()
    assert completion.object == "text_completion"
    assert completion.choices[0].text == expected["choices"][0]["text"]
    assert completion.usage
    assert completion.usage.total_tokens == expected["usage"]["total_tokens"]


def test_openai_client_streams(openai_client: openai.OpenAI) -> None:
    question = {"model": "lstm", "prompt": "the old", "max_tokens": 6, "seed": 3}
    whole = openai_client.completions.create(**question)
    parts = list(openai_client.completions.create(**question, stream=True, stream_options={"include_usage": True}))
    assert "".join(part.choices[0].text for part in parts[:-1]) == whole.choices[0].text
    assert parts[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert parts[-1].usage
    assert whole.usage
    assert parts[-1].usage.total_tokens == whole.usage.total_tokens


def test_openai_client_reads_logprobs_of_the_prompt(openai_client: openai.OpenAI, client: httpx.Client) -> None:
    completion = openai_client.completions.create(
        model="letters", prompt="the old dog", echo=True, logprobs=20, max_tokens=0
    )
    logprobs = completion.choices[0].logprobs
    assert logprobs
    assert logprobs.tokens == list("the old dog")
    assert logprobs.text_offset == list(range(11))
    question = {"text": "he old dog", "context": "t", "eos": False}
    scored = client.post("/v1/models/letters/probability", json=question).json()
    assert logprobs.token_logprobs
    assert math.fsum(logprobs.token_logprobs[1:]) == pytest.approx(scored["results"][0]["logprob"], abs=1e-6)


def test_openai_client_sends_several_prompts_and_ids(openai_client: openai.OpenAI) -> None:
    completion = openai_client.completions.create(model="words", prompt=[[2, 3], [4]], max_tokens=1, n=2)
    assert [choice.index for choice in completion.choices] == [0, 1, 2, 3]


def test_openai_client_lists_models(openai_client: openai.OpenAI) -> None:
    models = {model.id: model for model in openai_client.models.list()}
    assert models["words@1"].object == "model"
    assert models["words@1"].created > 0
    assert models["words@1"].owned_by == "nextword"
    assert not any("/" in name for name in models)
    assert openai_client.models.retrieve("words").id == "words@1"


def test_openai_client_is_sent_to_the_model_of_its_address(server: Server) -> None:
    with openai.OpenAI(base_url=f"{server.url}/m/gru/v1", api_key="none") as client:
        completion = client.completions.create(model="any", prompt="the", max_tokens=1)
        assert completion.model == "gru@1"
        assert [model.id for model in client.models.list()] == ["gru@1"]
        assert len(client.embeddings.create(model="any", input="the old").data) == 1


def test_openai_client_raises_its_own_errors(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        openai_client.completions.create(model="nothing", prompt="the")
    assert (missing.value.code, missing.value.type) == ("model_not_found", "not_found_error")
    with pytest.raises(openai.BadRequestError) as bad:
        openai_client.completions.create(model="words", prompt="the", n=99)
    assert (bad.value.param, bad.value.code) == ("n", "invalid_input")
    assert "at most 16" in bad.value.message


def test_openai_client_does_not_repeat_a_conflict(server: Server) -> None:
    attempts: list[str] = []
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=3) as client:
        client._client.event_hooks["request"].append(lambda request: attempts.append(request.url.path))
        with pytest.raises(openai.ConflictError):
            client.post("/models/words/counts", cast_to=object, body={"text": "the"})
    assert len(attempts) == 1


def test_openai_client_is_told_when_there_is_no_room(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("busy") / "checkpoints"
    publish_all(root)
    with (
        serving(root, max_running=1, max_waiting=0, max_tokens=10**6) as server,
        busy(server, "lstm"),
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client,
    ):
        with pytest.raises(openai.RateLimitError) as refused:
            client.completions.create(model="lstm", prompt="the")
        assert refused.value.code == "overloaded"
        assert 0 < int(refused.value.response.headers["retry-after"]) <= 120
