"""Classification over HTTP is the model's own, whatever is asked at the same time."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.schemas.tasks.classify import ClassifyAnswer
from models.checkpoint.load import Checkpoint
from models.tasks.classification.occlusion import MAX_WORDS
from models.tasks.classification.predict import classify
from models.utils.progress import run_to_completion
from tests.helpers.serving import Server, busy, counted, post, serving

TEXTS = ["the old dog saw a bird", "", "zebra", "the cat\nsaw the dog .", "a"]
ABILITIES = "fill, generate, next, perplexity, probability, rescore"


def ask(tasks: httpx.Client, model: str = "sentiment", **body: object) -> list[dict]:
    answer = tasks.post(f"/v1/models/{model}/classify", json=body)
    assert answer.status_code == 200, answer.text
    ClassifyAnswer.model_validate(answer.json())
    assert answer.json()["model"] == f"{model}@1"
    return answer.json()["results"]


def test_classify_returns_the_models_own_probabilities(tasks: httpx.Client, local: dict[str, Checkpoint]) -> None:
    sentiment = local["sentiment"]
    expected = run_to_completion(classify(sentiment.model, sentiment.tokenizer, TEXTS))
    for result, row in zip(ask(tasks, text=TEXTS), expected.tolist(), strict=True):
        shown = {entry["label"]: entry for entry in result["probabilities"]}
        assert {label: entry["logprob"] for label, entry in shown.items()} == dict(
            zip(("bad", "good", "other"), row, strict=True)
        )
        assert all(entry["probability"] == pytest.approx(math.exp(entry["logprob"])) for entry in shown.values())
        assert sum(entry["probability"] for entry in shown.values()) == pytest.approx(1, abs=1e-6)
        ranked = [entry["probability"] for entry in result["probabilities"]]
        assert ranked == sorted(ranked, reverse=True)
        assert result["label"] == result["probabilities"][0]["label"]
        assert result["labels"] == [result["label"]]
        assert "explain" not in result


def test_classify_with_several_labels_gives_each_its_own_probability(tasks: httpx.Client) -> None:
    for result in ask(tasks, "topics", text=TEXTS):
        likely = [entry["label"] for entry in result["probabilities"] if entry["probability"] > 0.5]
        assert result["labels"] == likely
        assert sum(entry["probability"] for entry in result["probabilities"]) != pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("model", ["sentiment", "topics"])
def test_classify_is_the_same_to_the_last_bit_alone_in_a_list_and_among_other_requests(
    tasks: httpx.Client, model: str
) -> None:
    texts = [f"{'the old ' * (i % 7)}dog saw a bird {'.' * (i % 3)}" for i in range(24)]
    alone = [ask(tasks, model, text=text)[0] for text in texts]
    assert ask(tasks, model, text=texts) == alone
    with ThreadPoolExecutor(12) as pool:
        together = pool.map(lambda text: ask(tasks, model, text=text)[0], texts * 4)
        assert list(together) == alone * 4


def test_classify_explains_by_leaving_out_each_word(tasks: httpx.Client) -> None:
    text = " The old  dog\nsaw a bird."
    (result,) = ask(tasks, text=text, explain=True)
    assert [word["text"] for word in result["explain"]] == ["The", "old", "dog", "saw", "a", "bird", "."]
    logprob = result["probabilities"][0]["logprob"]
    for word in result["explain"]:
        assert text[word["begin"] : word["end"]] == word["text"]
        (without,) = ask(tasks, text=text[: word["begin"]] + text[word["end"] :])
        left = next(entry["logprob"] for entry in without["probabilities"] if entry["label"] == result["label"])
        assert word["effect"] == pytest.approx(logprob - left, abs=1e-6)


def test_classify_explains_whole_words_of_a_model_of_characters(tasks: httpx.Client) -> None:
    (result,) = ask(tasks, "topics", text="an old dog", explain=True)
    assert [(word["text"], word["begin"], word["end"]) for word in result["explain"]] == [
        ("an", 0, 2),
        ("old", 3, 6),
        ("dog", 7, 10),
    ]
    assert ask(tasks, "topics", text="", explain=True)[0]["explain"] == []


def test_classify_by_naive_bayes_answers_at_once_beside_a_full_queue(task_models: Path) -> None:
    with serving(task_models, max_running=1, max_waiting=0, max_tokens=10**6) as server, busy(server, "lstm"):
        refused = post(f"{server.url}/v1/models/sentiment/classify", json={"text": "a dog"})
        assert refused.status_code == 429
        answer = post(f"{server.url}/v1/models/bayes/classify", json={"text": ["a dog", "a bird"], "explain": True})
        assert [result["label"] for result in answer.json()["results"]] == ["dog", "bird"]
        assert answer.json()["results"][0]["explain"][1]["effect"] > 0


def test_classify_refuses_a_model_that_is_no_classifier(tasks: httpx.Client) -> None:
    answer = tasks.post("/v1/models/words/classify", json={"text": "a"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_by_model", "model")
    assert ABILITIES in error["message"]


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("next", {"context": "the"}),
        ("probability", {"text": "the"}),
        ("perplexity", {"text": "the"}),
        ("generate", {"prompt": "the"}),
        ("generate", {"prompt": "the", "stream": True}),
        ("rescore", {"hypotheses": [{"text": "the"}]}),
    ],
)
def test_language_model_routes_tell_why_a_bidirectional_model_cannot_answer(
    tasks: httpx.Client, route: str, body: dict[str, object]
) -> None:
    answer = tasks.post(f"/v1/models/sentiment/{route}", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_by_model", "model")
    assert "it needs what comes after a word" in error["message"]
    assert "its capabilities are classify, embed" in error["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "text"),
        ({"text": 5}, "text"),
        ({"text": []}, "text"),
        ({"text": ["a"] * 1025}, "text"),
        ({"text": "a " * 9000}, "text"),
        ({"text": "a", "explain": "yes"}, "explain"),
        ({"text": "a " * (MAX_WORDS + 1), "explain": True}, "text"),
        ({"text": "a", "top_k": 1}, "top_k"),
    ],
)
def test_classify_names_the_field_at_fault(tasks: httpx.Client, body: dict[str, object], param: str) -> None:
    answer = tasks.post("/v1/models/sentiment/classify", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_classify_reads_long_texts_and_long_lists(tasks: httpx.Client) -> None:
    text = "the old dog saw a bird . " * 1000
    (alone,) = ask(tasks, text=text)
    assert ask(tasks, text=[text, *["the"] * 1000])[0] == alone


def test_classify_is_ended_at_its_deadline_and_counted(tasks: httpx.Client, task_server: Server) -> None:
    before = counted(task_server, "classify", "timed_out"), counted(task_server, "classify", "ok")
    body, headers = {"text": ["the old dog " * 300] * 1000}, {"x-request-timeout-ms": "20"}
    answer = tasks.post("/v1/models/sentiment/classify", json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timed_out")
    ask(tasks, text="the")
    assert (counted(task_server, "classify", "timed_out"), counted(task_server, "classify", "ok")) == (
        before[0] + 1,
        before[1] + 1,
    )
