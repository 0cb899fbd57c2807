"""Tokenizer routes give the ids that prompts of completions are read by, special tokens included."""

import httpx
import pytest

from app.schemas.openai.tokenizer import DetokenizeAnswer, TokenizeAnswer, TokenizerInfo
from models.checkpoint.load import Checkpoint

MODELS = ["words", "letters", "lstm"]
TEXTS = ["the old dog", "a bird\nsaw the zebra", "", "the cat , don't"]


def tokens(client: httpx.Client, model: str, prompt: str, **body: object) -> list[int]:
    content = client.post(f"/m/{model}/tokenize", json={"prompt": prompt, "add_special_tokens": False, **body}).json()
    TokenizeAnswer.model_validate(content)
    assert content["count"] == len(content["tokens"])
    return content["tokens"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("text", TEXTS)
def test_tokenize_has_the_ids_of_the_tokenizer(
    client: httpx.Client, local: dict[str, Checkpoint], model: str, text: str
) -> None:
    ids = local[model].tokenizer.encode(text).ids.tolist()
    assert tokens(client, model, text) == ids
    assert tokens(client, model, text, add_special_tokens=True) == [1, *ids]
    body = {"model": model, "prompt": text, "return_token_strs": True}
    at_root = client.post("/tokenize", json=body).json()
    assert at_root["tokens"] == [1, *ids]
    assert at_root["token_strs"][0] == "</s>"


@pytest.mark.parametrize("model", MODELS)
def test_special_tokens_are_one_id_in_every_model(client: httpx.Client, model: str) -> None:
    info = client.get(f"/m/{model}/tokenizer_info").json()
    TokenizerInfo.model_validate(info)
    assert info == client.get("/tokenizer_info", params={"model": model}).json()
    assert info["bos_token"] == info["eos_token"] == "</s>"
    (end,) = tokens(client, model, "</s>")
    assert end >= 1
    (unknown,) = tokens(client, model, "<unk>")
    assert tokens(client, model, "the</s> dog<unk>") == [
        *tokens(client, model, "the"),
        end,
        *tokens(client, model, " dog"),
        unknown,
    ]


@pytest.mark.parametrize("model", MODELS)
def test_tokenize_is_stable_where_a_word_ends(client: httpx.Client, model: str) -> None:
    words = ["the", " old", " dog", ",", " and", " a", " bird", "."]
    for i in range(len(words)):
        left, right = "".join(words[:i]), "".join(words[i:])
        parts = tokens(client, model, left) + tokens(client, model, right)
        assert parts == tokens(client, model, "".join(words))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("text", ["the old dog, and", "</s>the dog</s>", "a bird\nthe", ""])
def test_detokenized_text_has_the_same_ids(client: httpx.Client, model: str, text: str) -> None:
    ids = tokens(client, model, text)
    content = client.post(f"/m/{model}/detokenize", json={"tokens": ids}).json()
    DetokenizeAnswer.model_validate(content)
    assert tokens(client, model, content["prompt"]) == ids
    assert client.post("/detokenize", json={"model": model, "tokens": ids}).json() == content


def test_long_text_is_tokenized(client: httpx.Client) -> None:
    assert len(tokens(client, "words", "the old dog " * 10_000)) == 30_000


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/tokenize", {"prompt": "the"}, "model"),
        ("/m/words/tokenize", {"prompt": 1}, "prompt"),
        ("/m/words/tokenize", {"prompt": "the", "specials": 1}, "specials"),
        ("/m/words/detokenize", {"tokens": [10**6]}, "tokens"),
        ("/m/words/detokenize", {"tokens": "the"}, "tokens"),
    ],
)
def test_tokenizer_errors_name_the_field(client: httpx.Client, path: str, body: dict, param: str) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_tokenizer_of_a_model_that_is_not_there_is_an_error(client: httpx.Client) -> None:
    assert client.get("/m/nothing/tokenizer_info").status_code == 404
    assert client.post("/m/nothing/tokenize", json={"prompt": "the"}).status_code == 404
