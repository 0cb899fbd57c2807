"""Input that no client means well with: every answer is an error of the client's, in the one shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.helpers.serving import Server, get, ngram, publish, serving, wait_for

JSON = {"content-type": "application/json"}
HALF = '"\\ud800"'
"""Half a surrogate pair in JSON."""
DIGITS = ["99999999999999999999", "9" * 400, "9" * 5000]


def refused(answer: httpx.Response) -> str:
    """The message of a refusal, which no server failure is."""
    assert 400 <= answer.status_code < 500, answer.text[:300]
    return str(answer.json()["error"]["message"])


@pytest.fixture(scope="module")
def job(client: httpx.Client) -> str:
    """Id of a job that waits."""
    text = {"content": b"the cat sat\n" * 30, "headers": {"content-type": "text/plain"}}
    file = client.post("/v1/files", **text).json()["id"]
    return str(client.post("/v1/jobs", json={"kind": "ngram", "name": "a", "training_file": file}).json()["id"])


@pytest.mark.parametrize("digits", DIGITS, ids=len)
def test_numbers_of_many_digits_are_refused(client: httpx.Client, job: str, digits: str) -> None:
    for path in (f"models/words@{digits}", f"models/words@{digits}/vocabulary", f"jobs?limit={digits}"):
        refused(client.get(f"/v1/{path}"))
    for after in ("models/words/vocabulary", "jobs", "files", f"jobs/{job}/events", f"jobs/{job}/metrics"):
        refused(client.get(f"/v1/{after}?after={digits}"))
    refused(client.delete(f"/v1/models/words@{digits}"))
    refused(client.put("/v1/aliases/a", json={"model": f"words@{digits}"}))
    refused(client.post(f"/v1/models/words@{digits}/next", json={"context": "the"}))
    refused(client.post("/v1/jobs", json={"kind": "evaluate", "model": f"words@{digits}", "validation_file": "x"}))
    stream = {"accept": "text/event-stream", "last-event-id": digits}
    assert "Last-Event-ID" in refused(client.get(f"/v1/jobs/{job}/events", headers=stream))


@pytest.mark.parametrize(
    "body",
    [
        '{"kind": "evaluate", "model": "words", "validation_file": %s}',
        '{"kind": "evaluate", "model": %s, "validation_file": "file-0"}',
        '{"kind": "ngram", "name": "a", "training_file": %s}',
        '{"kind": "ngram", "name": %s, "training_file": "file-sample"}',
        '{"kind": "ngram", "name": "a", "training_file": "file-sample", "licence": %s}',
        '{"kind": "ngram", "name": "a", "training_file": "file-sample", "config": {%s: 1}}',
        '{"kind": "ngram", "name": "a", "training_file": "file-sample", "tokenizer": {"kind": [{"a": %s}]}}',
        '{"kind": "classifier", "name": "a", "training_file": ["file-sample", %s]}',
        '{"kind": "mixture", "name": "a", "members": ["words@1", %s], "config": {"weights": [0.5, 0.5]}}',
        '{"kind": "import", "name": "a", "file": "file-sample", "licence": %s}',
        '{"kind": "ngram", "name": "a", "training_file": "file-sample", %s: 1}',
        '{"kind": %s}',
    ],
)
def test_half_characters_in_jobs_are_refused(client: httpx.Client, body: str) -> None:
    refused(client.post("/v1/jobs", content=body % HALF, headers=JSON))


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings", "/tokenize", "/detokenize"])
def test_half_characters_in_names_are_refused(client: httpx.Client, path: str) -> None:
    refused(client.post(path, content='{"model": %s, "prompt": "a", "input": "a"}' % HALF, headers=JSON))  # noqa: UP031
    refused(client.put("/v1/aliases/a", content='{"model": %s}' % HALF, headers=JSON))  # noqa: UP031


@pytest.mark.parametrize("boundary", ["a" * 71, "a" * 300, "a" * 5000, ""])
def test_boundaries_of_any_length_are_refused(client: httpx.Client, boundary: str) -> None:
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    assert "content-type" in refused(client.post("/v1/files", content=b"--a\r\n", headers=headers))


@pytest.mark.parametrize("path", ["/v1/models/", "/v1/files/", "/v1/models/words/", "/v1/models/words/next/"])
def test_slashes_at_the_end_lead_nowhere(client: httpx.Client, path: str) -> None:
    for method in ("GET", "POST"):
        answer = client.request(method, path)
        assert (answer.status_code, "location" in answer.headers) == (404, False)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    publish(tmp_path / "models", "words", ngram())
    with serving(tmp_path / "models", data=tmp_path / "data") as server:
        yield server


def test_messages_do_not_tell_where_folders_are(own: Server, tmp_path: Path) -> None:
    card = tmp_path / "models" / "broken" / "1" / "card.json"
    card.parent.mkdir(parents=True)
    card.write_text("{}")
    wait_for(lambda: "broken" in get(f"{own.url}/v1/models").text)
    for path in ("/v1/models", "/v1/models/broken", "/v1/models/broken@1", "/health/ready"):
        assert str(tmp_path) not in get(f"{own.url}{path}").text


def test_jobs_are_not_accepted_into_a_database_that_was_moved_away(own: Server, tmp_path: Path) -> None:
    body = {"kind": "ngram", "name": "a", "training_file": "file-sample"}
    ask = httpx.Client(base_url=own.url, timeout=60)
    assert ask.post("/v1/jobs", json=body).status_code == 202
    database = tmp_path / "data" / "nextword.db"
    database.rename(tmp_path / "moved")
    for _ in range(3):
        answer = ask.post("/v1/jobs", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
        assert ask.get("/v1/jobs").status_code == 503
    assert not database.exists()
    (tmp_path / "moved").rename(database)
    wait_for(lambda: ask.get("/v1/jobs").status_code == 200)
    assert len(ask.get("/v1/jobs").json()["data"]) == 1
    assert ask.post("/v1/jobs", json=body).status_code == 202
    ask.close()
