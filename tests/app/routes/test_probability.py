"""Probabilities over HTTP equal the library's."""

import math

import httpx
import pytest

from app.schemas.probability import ProbabilityAnswer
from models.checkpoint.load import Checkpoint
from models.inference.scoring import score_texts
from models.utils.progress import run_to_completion

MODELS = ["words", "counts", "letters", "lstm", "gru"]
TEXTS = ["the cat saw a bird .", "", "zebra the", "a bird\nthe old dog", "my friend liked the cat , and slept ."]


def ask(client: httpx.Client, model: str, **body: object) -> dict:
    answer = client.post(f"/v1/models/{model}/probability", json=body)
    assert answer.status_code == 200, answer.text
    ProbabilityAnswer.model_validate(answer.json())
    return answer.json()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("flags", [{}, {"bos": False}, {"eos": False}, {"context": "the old dog"}])
def test_probability_of_each_text_is_the_models(
    client: httpx.Client, local: dict[str, Checkpoint], model: str, flags: dict
) -> None:
    content = ask(client, model, text=TEXTS, tokens=True, **flags)
    checkpoint = local[model]
    expected = run_to_completion(score_texts(checkpoint.model, checkpoint.tokenizer, TEXTS, **flags))
    for result, score in zip(content["results"], expected, strict=True):
        zero = score.logprob == -math.inf
        assert result["logprob"] == (None if zero else pytest.approx(score.logprob, abs=1e-4))
        assert result["probability"] == pytest.approx(math.exp(score.logprob), rel=1e-3)
        assert result.get("zero_probability", False) == zero
        assert (result["token_count"], result["oov_count"]) == (score.token_count, score.oov_count)
        assert [token["id"] for token in result["tokens"]] == score.ids.tolist()
        assert [token["oov"] for token in result["tokens"]] == score.oov.tolist()
        if not zero:
            assert sum(token["logprob"] for token in result["tokens"]) == pytest.approx(result["logprob"], abs=1e-4)
    assert content["total"]["token_count"] == sum(score.token_count for score in expected)


def test_probability_of_one_text_is_a_list_of_one(client: httpx.Client) -> None:
    content = ask(client, "words", text="the cat")
    assert len(content["results"]) == 1
    assert "tokens" not in content["results"][0]
    assert content["total"]["logprob"] == content["results"][0]["logprob"]


def test_probability_of_all_continuations_sums_to_one(client: httpx.Client, local: dict[str, Checkpoint]) -> None:
    vocabulary = local["words"].tokenizer.vocabulary
    known = [token for token in vocabulary if token not in ("<unk>", "</s>")]
    content = ask(client, "words", text=[*known, "zebra"], context="the", eos=False)  # an unknown word is <unk>
    end = ask(client, "words", text="", context="the", eos=True)
    total = sum(result["probability"] for result in content["results"]) + end["results"][0]["probability"]
    assert total == pytest.approx(1, abs=1e-5)


def test_probability_agrees_with_next(client: httpx.Client) -> None:
    body = {"context": "the old", "top_k": 1}
    best = client.post("/v1/models/lstm/next", json=body).json()["next"][0]
    content = ask(client, "lstm", text=best["token"], context="the old", eos=False)
    assert content["results"][0]["logprob"] == pytest.approx(best["logprob"], abs=1e-5)


def test_probability_marks_unknown_words(client: httpx.Client) -> None:
    tokens = ask(client, "words", text="the zebra", tokens=True)["results"][0]["tokens"]
    assert [(token["token"], token["oov"]) for token in tokens] == [("the", False), ("zebra", True), ("</s>", False)]


@pytest.mark.parametrize(
    ("body", "param"),
    [({}, "text"), ({"text": []}, "text"), ({"text": ["a"] * 1025}, "text"), ({"text": "a", "context": 1}, "context")],
)
def test_probability_names_the_field_at_fault(client: httpx.Client, body: dict[str, object], param: str) -> None:
    answer = client.post("/v1/models/words/probability", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_probability_tells_unseen_words_from_undefined_contexts(client: httpx.Client) -> None:
    # relative frequencies of order 3; in the training text "the" and "old" follow each other, "the the" does not occur
    content = ask(client, "counts", text=["the old bird", "the the old", "the old"], eos=False, tokens=True)
    unseen_word, unseen_context, seen = content["results"]
    assert unseen_word["tokens"][2]["zero_probability"] is True
    assert "undefined_contexts" not in unseen_word
    assert unseen_context["undefined_contexts"] == 1
    assert [token.get("undefined_context", False) for token in unseen_context["tokens"]] == [False, False, True]
    assert seen["logprob"] is not None
    assert "undefined_contexts" not in seen
    assert content["total"]["undefined_contexts"] == 1


def test_probability_of_one_text_tells_undefined_contexts_as_in_a_batch(client: httpx.Client) -> None:
    texts = ["the the old", "the old dog saw\nthe the old", "old", ""]
    batch = ask(client, "counts", text=texts, context="dog the", tokens=True)
    for text, result in zip(texts, batch["results"], strict=True):
        assert ask(client, "counts", text=text, context="dog the", tokens=True)["results"] == [result]
