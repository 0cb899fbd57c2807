"""Counts over HTTP, of a text whose counts are known."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.schemas.counts import CountsAnswer
from models.ngram.config import NgramConfig
from tests.helpers.serving import publish_with_counts, serving

TEXT = "".join(
    f"{words}\n" * times
    for words, times in {
        "students opened their books": 400,
        "students opened their exams": 100,
        "students opened their laptops": 500,
        "teachers closed their books": 10,
    }.items()
)


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service with a model that was published with its counts."""
    root = tmp_path_factory.mktemp("counting") / "checkpoints"
    publish_with_counts(root, "students", NgramConfig(4, "mle"), TEXT)
    with serving(root) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def ask(client: httpx.Client, **body: object) -> list[dict[str, Any]]:
    answer = client.post("/v1/models/students/counts", json=body)
    assert answer.status_code == 200, answer.text
    CountsAnswer.model_validate(answer.json())
    assert (answer.json()["model"], answer.json()["order"]) == ("students@1", 4)
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def numbers(entry: dict[str, Any]) -> tuple[int, int, float | None]:
    return entry["count"], entry["context_count"], entry["relative_frequency"]


def test_counts_of_students_who_opened_their_books(counting: httpx.Client) -> None:
    (result,) = ask(counting, text="students opened their books")
    assert [token["token"] for token in result["tokens"]] == ["students", "opened", "their", "books"]
    assert [entry["ngram"] for entry in result["counts"]] == [
        ["students", "opened", "their", "books"],
        ["opened", "their", "books"],
        ["their", "books"],
        ["books"],
    ]
    # 1,010 lines of five tokens, their ends included
    expected = [(400, 1000, 0.4), (400, 1000, 0.4), (410, 1010, 410 / 1010), (410, 5050, 410 / 5050)]
    assert [numbers(entry) for entry in result["counts"]] == [
        (count, total, pytest.approx(frequency)) for count, total, frequency in expected
    ]
    whole, three, two, one = result["counts"]
    assert "continuation_count" not in whole
    assert (three["continuation_count"], three["successors"]) == (1, 1)  # only "students" before, </s> after
    assert (two["continuation_count"], two["successors"]) == (2, 1)  # "opened" and "closed" before
    assert one["continuation_count"] == 1


def test_counts_tell_an_unseen_ngram_from_an_unseen_context(counting: httpx.Client) -> None:
    unseen_word, unseen_context = ask(counting, text=["students opened their their", "teachers opened their books"])
    assert numbers(unseen_word["counts"][0]) == (0, 1000, 0.0)
    assert "undefined_context" not in unseen_word["counts"][0]
    assert numbers(unseen_context["counts"][0]) == (0, 0, None)
    assert unseen_context["counts"][0]["undefined_context"] is True
    assert numbers(unseen_context["counts"][1]) == (400, 1000, 0.4)


def test_counts_begin_and_end_at_the_boundary_where_asked(counting: httpx.Client) -> None:
    (first,) = ask(counting, text="students", bos=True)
    assert first["counts"][0]["ngram"] == ["</s>", "students"]
    assert numbers(first["counts"][0]) == (1000, 1010, pytest.approx(1000 / 1010))
    (last,) = ask(counting, text="their books", eos=True)
    assert numbers(last["counts"][0]) == (410, 410, 1.0)
    assert ask(counting, tokens=["</s>", "students"])[0]["counts"] == first["counts"]
    assert ask(counting, text="their books\n")[0]["counts"] == last["counts"]


def test_counts_of_several_texts_are_those_of_each(counting: httpx.Client) -> None:
    texts = ["books", "their books", "a text that is longer than students opened their exams", "zebra"]
    assert ask(counting, text=texts) == [result for text in texts for result in ask(counting, text=text)]
    zebra = ask(counting, tokens=["zebra"])[0]
    assert zebra["tokens"] == [{"token": "zebra", "id": 0, "oov": True}]
    assert zebra["counts"][0]["count"] == 0


def test_counts_agree_with_the_explanation(counting: httpx.Client) -> None:
    body = {"context": "students opened their", "explain": True, "top_k": 3}
    answer = counting.post("/v1/models/students/next", json=body).json()
    assert [entry["probability"] for entry in answer["next"]] == pytest.approx([0.5, 0.4, 0.1])
    for part in answer["explain"]["backoff"]:
        for word in part["next"]:
            (result,) = ask(counting, tokens=[*part["context"], word["token"]])
            entry = result["counts"][0]
            assert (word["count"], part["context_count"]) == (entry["count"], entry["context_count"])
            assert word.get("continuation_count") == entry.get("continuation_count")


def test_counts_are_a_capability_of_models_that_have_them(counting: httpx.Client, client: httpx.Client) -> None:
    assert "counts" in counting.get("/v1/models/students").json()["capabilities"]
    assert "counts" not in client.get("/v1/models/words").json()["capabilities"]


def test_counts_of_a_model_without_them_is_a_conflict_that_says_what_to_do(client: httpx.Client) -> None:
    answer = client.post("/v1/models/words/counts", json={"text": "the cat"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "counts_not_kept")
    assert "--keep-counts" in error["message"]
    assert "keep_counts" in error["message"]


def test_counts_of_a_network_name_the_model(client: httpx.Client) -> None:
    answer = client.post("/v1/models/lstm/counts", json={"text": "the cat"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_by_model")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "text"),
        ({"text": "a", "tokens": ["a"]}, "text"),
        ({"text": ""}, "text"),
        ({"text": ["books"] * 1025}, "text"),
        ({"tokens": []}, "tokens"),
        ({"tokens": "books"}, "tokens"),
        ({"tokens": ["books"], "bos": True}, "bos"),
        ({"tokens": ["books"], "eos": True}, "eos"),
        ({"words": "books"}, "words"),
        ({"text": "books " * 9000}, "text"),
    ],
)
def test_counts_name_the_field_at_fault(counting: httpx.Client, body: dict[str, object], param: str) -> None:
    for kind in ("application/json", "application/nextword+json"):  # the fast path, and the framework
        answer = counting.post("/v1/models/students/counts", json=body, headers={"content-type": kind})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text
