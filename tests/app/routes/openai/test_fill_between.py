"""Completions with a suffix have the words of `fill`, and are refused of models that only continue texts."""

from collections.abc import Iterator

import httpx
import pytest

from app.schemas.openai.completion_answer import CompletionAnswer
from tests.helpers.serving import fill_in, ngram, publish, serving


@pytest.fixture(scope="module")
def fill_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    root = tmp_path_factory.mktemp("filling") / "checkpoints"
    publish(root, "fill", fill_in())
    publish(root, "words", ngram())
    with serving(root) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def test_suffix_has_the_words_of_fill(fill_client: httpx.Client) -> None:
    filled = fill_client.post("/v1/models/fill/fill", json={"text": "the old ___ saw a bird", "top_k": 3}).json()
    fillings = filled["results"][0]["fillings"]
    body = {"model": "fill", "prompt": "the old", "suffix": " saw a bird", "n": 3, "logprobs": 2}
    answer = fill_client.post("/v1/completions", json=body).json()
    CompletionAnswer.model_validate(answer)
    assert [choice["text"] for choice in answer["choices"]] == [f" {filling['words'][0]}" for filling in fillings]
    own = [choice["logprobs"]["token_logprobs"][0] for choice in answer["choices"]]
    assert own == pytest.approx([filling["logprob"] for filling in fillings])
    assert answer["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 3,
        "total_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def test_suffix_counts_one_word_of_logprobs_for_each_choice(fill_client: httpx.Client) -> None:
    # For n texts of max_tokens the whole vocabulary would be more numbers than an answer may have.
    body = {"model": "fill", "prompt": "the old", "suffix": " saw", "n": 2, "max_tokens": 4096, "logprobs": -1}
    answer = fill_client.post("/v1/completions", json={**body, "prompt": ["the old"] * 32})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["choices"]) == 64


def test_suffix_is_streamed_word_by_word(fill_client: httpx.Client) -> None:
    body = {"model": "fill", "prompt": ["the ", "a"], "suffix": "saw", "echo": True}
    whole = fill_client.post("/v1/completions", json=body).json()["choices"]
    assert whole[0]["text"].startswith("the ")
    assert whole[0]["text"].endswith(" ")
    options = {"stream": True, "stream_options": {"include_usage": True}}
    lines = fill_client.post("/v1/completions", json={**body, **options}).text.split("\n\n")
    assert len(lines) == 2 + 1 + 1 + 1  # words, usage, [DONE], the end
    assert lines[-2] == "data: [DONE]"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "words"}, "suffix"),
        ({"prompt": "an ___"}, "prompt"),
        ({"suffix": "___"}, "prompt"),
        ({"echo": True, "logprobs": 1}, "echo"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"suffix": ""}, "model"),
    ],
)
def test_suffix_is_refused_with_a_reason(fill_client: httpx.Client, body: dict, param: str) -> None:
    answer = fill_client.post("/v1/completions", json={"model": "fill", "prompt": "the", "suffix": "saw", **body})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    if body == {"suffix": ""}:
        assert "give a suffix" in answer.json()["error"]["message"]
