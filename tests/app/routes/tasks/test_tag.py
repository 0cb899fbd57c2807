"""Tagging over HTTP: the tagger's own tags, where they stand, and the spans that they mark."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.schemas.tasks.tag import TagAnswer
from models.checkpoint.load import Checkpoint
from models.tasks.tagging.predict import tag_texts
from models.utils.progress import run_to_completion
from tests.helpers.serving import Server, counted

TEXTS = ["The old dog saw a bird.", "", "zebra\n\n the cat  saw", "a"]


def ask(tasks: httpx.Client, model: str = "animals", **body: object) -> list[dict]:
    answer = tasks.post(f"/v1/models/{model}/tag", json=body)
    assert answer.status_code == 200, answer.text
    TagAnswer.model_validate(answer.json())
    assert answer.json()["model"] == f"{model}@1"
    return answer.json()["results"]


def test_tag_returns_the_taggers_own_tags(tasks: httpx.Client, local: dict[str, Checkpoint]) -> None:
    tagger = local["animals"]
    expected = run_to_completion(tag_texts(tagger.model, tagger.tokenizer, TEXTS))
    for text, result, tagged in zip(TEXTS, ask(tasks, text=TEXTS), expected, strict=True):
        assert [(t["token"], t["begin"], t["end"], t["tag"], t["probability"]) for t in result["tokens"]] == [
            (t.text, t.begin, t.end, t.tag, t.probability) for t in tagged.tokens
        ]
        for token in result["tokens"]:
            assert text[token["begin"] : token["end"]] == token["token"]


def test_tag_probabilities_of_all_tags_sum_to_one(tasks: httpx.Client) -> None:
    for result in ask(tasks, text=TEXTS, probabilities=True):
        for token in result["tokens"]:
            tags = {entry["tag"]: entry["probability"] for entry in token["probabilities"]}
            assert tags.keys() == {"B-ANIMAL", "I-ANIMAL", "O"}
            assert sum(tags.values()) == pytest.approx(1, abs=1e-5)
            assert tags[token["tag"]] == pytest.approx(token["probability"], abs=1e-6)
    assert "probabilities" not in ask(tasks, text="a")[0]["tokens"][0]


def test_tag_merges_bio_tags_to_spans(tasks: httpx.Client) -> None:
    found = 0
    for text, result in zip(TEXTS, ask(tasks, text=TEXTS), strict=True):
        inside = set()
        for span in result["spans"]:
            tokens = result["tokens"][span["begin_token"] : span["end_token"]]
            assert [token["tag"] for token in tokens] == ["B-ANIMAL"] + ["I-ANIMAL"] * (len(tokens) - 1)
            assert (span["type"], span["begin"], span["end"]) == ("ANIMAL", tokens[0]["begin"], tokens[-1]["end"])
            assert text[span["begin"] : span["end"]] == span["text"]
            assert 0 < span["probability"] <= 1
            inside |= set(range(span["begin_token"], span["end_token"]))
        assert all((token["tag"] == "O") == (i not in inside) for i, token in enumerate(result["tokens"]))
        found += len(result["spans"])
    assert found


def test_tag_is_the_same_to_the_last_bit_alone_in_a_list_and_among_other_requests(tasks: httpx.Client) -> None:
    texts = [f"{'the old ' * (i % 7)}dog saw a bird {'.' * (i % 3)}" for i in range(24)]
    alone = [ask(tasks, text=text)[0] for text in texts]
    assert ask(tasks, text=texts) == alone
    with ThreadPoolExecutor(12) as pool:
        together = pool.map(lambda text: ask(tasks, text=text)[0], texts * 4)
        assert list(together) == alone * 4


def test_tag_refuses_a_model_that_is_no_tagger(tasks: httpx.Client) -> None:
    answer = tasks.post("/v1/models/sentiment/tag", json={"text": "a"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_by_model", "model")
    assert "its capabilities are classify, embed" in error["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "text"),
        ({"text": []}, "text"),
        ({"text": ["a"] * 1025}, "text"),
        ({"text": "a " * 9000}, "text"),
        ({"text": "a", "probabilities": 1}, "probabilities"),
        ({"text": ["a " * 8000] * 300, "probabilities": True}, "probabilities"),
        ({"text": "a", "explain": True}, "explain"),
    ],
)
def test_tag_names_the_field_at_fault(tasks: httpx.Client, body: dict[str, object], param: str) -> None:
    answer = tasks.post("/v1/models/animals/tag", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_tag_is_ended_at_its_deadline_and_counted(tasks: httpx.Client, task_server: Server) -> None:
    before = counted(task_server, "tag", "timed_out")
    body, headers = {"text": ["the old dog " * 300] * 1000}, {"x-request-timeout-ms": "20"}
    answer = tasks.post("/v1/models/animals/tag", json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timed_out")
    assert counted(task_server, "tag", "timed_out") == before + 1
