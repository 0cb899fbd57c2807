"""Jobs over HTTP: created, refused, listed, followed; the test acts as the worker."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator

import httpx
import pytest

from app.cli.http_client import parse_events
from app.core.exceptions import DatabaseUnavailable
from app.jobs import event_stream, job_watch
from app.jobs.leases import Lease, LeaseStore
from app.schemas.jobs.answers import JobAnswer, JobEstimateAnswer, JobEventList, JobList, JobMetricList
from tests.helpers.serving import CHARACTERS, Server, ngram, publish, serving, wait_for

STREAM = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    checkpoints = tmp_path_factory.mktemp("jobs") / "checkpoints"
    publish(checkpoints, "words", ngram())
    with serving(checkpoints, max_job_parameters=10**6, job_threads=1) as running:
        yield running


@pytest.fixture
def client(own: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=own.url, timeout=30) as opened:
        yield opened


@pytest.fixture
def leases(own: Server) -> LeaseStore:
    leases: LeaseStore = own.app.state.stores.leases
    while claimed := leases.claim("sweeper", 60):  # what an earlier test left
        leases.confirm_cancelled(claimed[1])
    return leases


@pytest.fixture
def file(client: httpx.Client) -> str:
    answer = client.post("/v1/files", content=b"the cat sat on the mat\n" * 100, params={"filename": "a.txt"})
    return str(answer.json()["id"])


def ask(client: httpx.Client, file: str, key: str | None = None, **body: object) -> dict:
    headers = {} if key is None else {"idempotency-key": key}
    request = {"name": "demo", "kind": "ngram", "training_file": file, **body}
    answer = client.post("/v1/jobs", json=request, headers=headers)
    assert answer.status_code == 202, answer.text
    JobAnswer.model_validate(answer.json())
    return answer.json()


def claim(leases: LeaseStore) -> Lease:
    claimed = leases.claim("worker-1", 60)
    assert claimed is not None
    return claimed[1]


def refused(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


def test_create_job_reserves_a_version_and_estimates(client: httpx.Client, leases: LeaseStore, file: str) -> None:
    job = ask(client, file, config={"order": 3})
    assert (job["object"], job["status"], job["queue_position"]) == ("job", "queued", 1)
    assert job["model"].startswith("demo@")
    assert job["request"] == {"name": "demo", "kind": "ngram", "training_file": file, "config": {"order": 3}}
    assert job["estimate"]["parameters"] > 0
    assert client.get(f"/v1/jobs/{job['id']}").json() == job


def test_create_job_numbers_versions_after_published_ones(client: httpx.Client, leases: LeaseStore, file: str) -> None:
    assert [ask(client, file, name="words")["model"] for _ in range(2)] == ["words@2", "words@3"]


def test_create_job_with_one_key_makes_one_job(client: httpx.Client, leases: LeaseStore, file: str) -> None:
    first = ask(client, file, key="a")
    assert ask(client, file, key="a") == first
    body = {"name": "other", "kind": "ngram", "training_file": file}
    answer = client.post("/v1/jobs", json=body, headers={"idempotency-key": "a"})
    assert refused(answer) == (409, "idempotency_key_reused", None)


def test_create_job_with_a_key_outlasts_a_moved_name(
    client: httpx.Client, own: Server, leases: LeaseStore, file: str
) -> None:
    body = {"kind": "evaluate", "model": "moving", "validation_file": file}
    publish(own.app.state.settings.checkpoints, "moving", ngram())
    wait_for(lambda: client.get("/v1/models/moving").status_code == 200)
    first = client.post("/v1/jobs", json=body, headers={"idempotency-key": "b"}).json()
    assert first["model"] == "moving@1"
    publish(own.app.state.settings.checkpoints, "moving", ngram())
    wait_for(lambda: client.get("/v1/models/moving@2").status_code == 200)
    assert client.post("/v1/jobs", json=body, headers={"idempotency-key": "b"}).json() == first


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"kind": "oracle"}, "kind"),
        ({"colour": "red"}, "colour"),
        ({"name": "No Name"}, "name"),
        ({"training_file": "file-none"}, "training_file"),
        ({"validation_file": "file-none"}, "validation_file"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"config": {"order": 0}}, "config.order"),
        ({"config": {"order": "3"}}, "config.order"),
        ({"config": {"hidden_size": 3}}, "config.hidden_size"),
        ({"tokenizer": {"kind": "syllable"}}, "tokenizer.kind"),
        ({"kind": "lstm", "config": {"order": 3}}, "config.order"),
        ({"kind": "lstm", "config": {"kind": "gru"}}, "config.kind"),
        ({"kind": "gru", "config": {"epochs": -1}}, "config.epochs"),
    ],
)
def test_create_job_names_the_field_at_fault(client: httpx.Client, file: str, body: dict, param: str) -> None:
    request = {"name": "demo", "kind": "ngram", "training_file": file, **body}
    status, code, named = refused(client.post("/v1/jobs", json=request))
    assert (status, code) == (400, "invalid_input")
    assert named == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "config.weights"),
        ({"config": {"weights": [0.5, 0.6]}}, "config.weights"),
        ({"config": {"weights": [1.0]}}, "members"),
        ({"config": {"window": 5}}, "config.window"),
        ({"validation_file": "file-none"}, "validation_file"),
        ({"members": ["words", "none"], "config": {"weights": [0.5, 0.5]}}, "members.1"),
        ({"members": ["words", "letters"], "config": {"weights": [0.5, 0.5]}}, "members"),
        ({"members": []}, "members"),
        ({"kind": "cache"}, "members"),
        ({"kind": "cache", "members": ["words"], "config": {"weight": 2}}, "config.weight"),
        ({"kind": "neural_cache", "members": ["words"]}, "members"),
    ],
)
def test_create_job_names_the_fault_of_a_composition(
    client: httpx.Client, own: Server, body: dict, param: str | None
) -> None:
    if client.get("/v1/models/letters").status_code == 404:
        publish(own.app.state.settings.checkpoints, "letters", ngram(CHARACTERS), CHARACTERS)
        wait_for(lambda: client.get("/v1/models/letters").status_code == 200)
    request = {"name": "demo", "kind": "mixture", "members": ["words", "words@1"], **body}
    assert refused(client.post("/v1/jobs", json=request)) == (400, "invalid_input", param)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"dynamic": {}}, "dynamic"),
        ({"dynamic": {"rule": "adam"}}, "dynamic.rule"),
        ({"dynamic": {"speed": 1}}, "dynamic.speed"),
    ],
)
def test_create_job_names_the_fault_of_an_evaluation(client: httpx.Client, file: str, body: dict, param: str) -> None:
    request = {"kind": "evaluate", "model": "words", "validation_file": file, **body}
    assert refused(client.post("/v1/jobs", json=request)) == (400, "invalid_input", param)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"rates": [0.01, 1]}, "rates.1"),
        ({"rates": []}, "rates"),
        ({"window": 0}, "window"),
        ({"model": "nobody"}, "model"),
        ({"validation_file": "file-none"}, "validation_file"),
    ],
)
def test_create_job_names_the_fault_of_a_calibration(client: httpx.Client, file: str, body: dict, param: str) -> None:
    request = {"kind": "calibrate", "model": "words", "validation_file": file}
    assert refused(client.post("/v1/jobs", json=request | body)) == (400, "invalid_input", param)
    assert client.post("/v1/jobs", json=request).json()["model"] == "words@1"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"models": ["words", "nobody"]}, "models.1"),
        ({"unit": "letters"}, "unit"),
        ({"zero_logprob": 1}, "zero_logprob"),
        ({"validation_file": "file-none"}, "validation_file"),
    ],
)
def test_create_job_names_the_fault_of_a_tuning(client: httpx.Client, body: dict, param: str) -> None:
    lists = b'{"reference": "a", "hypotheses": [{"text": "a", "score": -1}]}\n'
    file = client.post("/v1/files", content=lists, params={"filename": "a.jsonl"}).json()["id"]
    request = {"kind": "tune", "model": "words", "models": ["words"], "validation_file": file}
    assert refused(client.post("/v1/jobs", json=request | body)) == (400, "invalid_input", param)
    job = client.post("/v1/jobs", json=request).json()
    assert (job["model"], job["request"]["models"]) == ("words@1", ["words@1"])


def test_create_job_tells_the_first_fault_of_small_nbest_lists(client: httpx.Client) -> None:
    lists = b'{"reference": "a", "hypotheses": [{"text": "a"}]}\n{"reference": "b"}\n'
    file = client.post("/v1/files", content=lists, params={"filename": "lists.jsonl"}).json()["id"]
    answer = client.post("/v1/jobs", json={"kind": "tune", "model": "words", "validation_file": file})
    assert refused(answer) == (400, "invalid_input", "validation_file")
    assert "lists.jsonl, line 2: must be an object" in answer.json()["error"]["message"]


def test_create_job_resolves_the_members_of_a_mixture(client: httpx.Client, leases: LeaseStore) -> None:
    request = {"name": "demo", "kind": "mixture", "members": ["words"], "config": {"weights": [1]}}
    job = client.post("/v1/jobs", json=request).json()
    assert job["request"] == {**request, "members": ["words@1"]}
    assert job["estimate"]["parameters"] == ngram().parameter_count


def test_create_job_refuses_what_is_too_expensive(client: httpx.Client, file: str) -> None:
    before = client.get("/v1/jobs").json()["data"]
    body = {"name": "demo", "kind": "lstm", "training_file": file, "config": {"hidden_size": 100_000}}
    assert refused(client.post("/v1/jobs", json=body)) == (400, "too_expensive", "config")
    assert client.get("/v1/jobs").json()["data"] == before


def test_create_job_refuses_two_validation_texts(client: httpx.Client, file: str) -> None:
    body = {"name": "demo", "kind": "ngram", "training_file": file, "validation_file": file, "validation_fraction": 0.1}
    assert refused(client.post("/v1/jobs", json=body)) == (400, "invalid_input", "validation_fraction")


def test_create_job_needs_an_existing_model_to_evaluate(client: httpx.Client, file: str) -> None:
    body = {"kind": "evaluate", "model": "nobody", "validation_file": file}
    assert refused(client.post("/v1/jobs", json=body)) == (400, "invalid_input", "model")
    body["model"] = "words"
    assert client.post("/v1/jobs", json=body).json()["model"] == "words@1"


def test_estimate_job_tells_what_the_job_would_take_and_queues_nothing(
    client: httpx.Client, leases: LeaseStore, file: str
) -> None:
    body = {"name": "measured", "kind": "ngram", "training_file": file, "config": {"order": 3}}
    answer = client.post("/v1/jobs/estimate", json=body)
    JobEstimateAnswer.model_validate(answer.json())
    assert [job for job in client.get("/v1/jobs").json()["data"] if job["model"] == "measured@1"] == []
    job = ask(client, file, name="measured", config={"order": 3})
    assert job["model"] == "measured@1"
    assert answer.json() == {"object": "job.estimate", "kind": "ngram", **job["estimate"]}


def test_estimate_job_refuses_what_create_job_refuses(client: httpx.Client, file: str) -> None:
    huge = {"name": "demo", "kind": "lstm", "training_file": file, "config": {"hidden_size": 10_000}}
    unknown = {"name": "demo", "kind": "ngram", "training_file": "file-none"}
    wrong = {"name": "demo", "kind": "ngram", "training_file": file, "config": {"order": 0}}
    for body in (huge, unknown, wrong):
        estimated, created = client.post("/v1/jobs/estimate", json=body), client.post("/v1/jobs", json=body)
        assert (estimated.status_code, estimated.json()["error"]) == (created.status_code, created.json()["error"])
        assert estimated.is_error


def test_jobs_are_listed_and_cancelled(client: httpx.Client, leases: LeaseStore, file: str) -> None:
    ids = [ask(client, file)["id"] for _ in range(3)][::-1]
    page = client.get("/v1/jobs", params={"status": "queued", "limit": 2}).json()
    JobList.model_validate(page)
    assert [job["id"] for job in page["data"]] == ids[:2]
    assert page["has_more"]
    for _ in range(2):
        assert client.post(f"/v1/jobs/{ids[0]}/cancel").json()["status"] == "cancelled"
    assert refused(client.get("/v1/jobs", params={"after": "job-none"})) == (400, "invalid_input", "after")
    rest = client.get("/v1/jobs", params={"status": "queued", "after": ids[0]}).json()["data"]
    assert [job["id"] for job in rest][:2] == ids[1:]
    assert refused(client.get("/v1/jobs", params={"status": "lost"}))[0] == 400


def test_job_that_is_unknown_is_not_found(client: httpx.Client) -> None:
    for answer in (
        client.get("/v1/jobs/job-none"),
        client.post("/v1/jobs/job-none/cancel"),
        client.get("/v1/jobs/job-none/events"),
        client.get("/v1/jobs/job-none/events", headers=STREAM),
        client.get("/v1/jobs/job-none/metrics"),
    ):
        assert refused(answer) == (404, "not_found", None)


def test_delete_file_is_refused_while_a_job_needs_it(client: httpx.Client, leases: LeaseStore, file: str) -> None:
    job = ask(client, file)
    assert refused(client.delete(f"/v1/files/{file}"))[:2] == (409, "file_in_use")
    client.post(f"/v1/jobs/{job['id']}/cancel")
    assert client.delete(f"/v1/files/{file}").status_code == 200


def test_job_shows_progress_error_and_metrics(client: httpx.Client, leases: LeaseStore, file: str) -> None:
    job = ask(client, file)
    lease = claim(leases)
    progress = {"phase": "training", "step": 5, "steps": 10, "fraction": 0.5, "epoch": 0.5, "metrics": {"loss": None}}
    progress |= {"tokens_per_second": 100.0, "seconds_left": None}
    leases.renew(lease, 60, progress, {step: {"loss": float(step)} for step in range(10)})
    running = client.get(f"/v1/jobs/{job['id']}").json()
    JobAnswer.model_validate(running)
    assert (running["status"], running["worker"]) == ("running", "worker-1")
    assert running["progress"] == progress | {"processor_share": None}
    metrics = client.get(f"/v1/jobs/{job['id']}/metrics", params={"points": 5, "after": 1}).json()
    JobMetricList.model_validate(metrics)
    assert [point["step"] for point in metrics["data"]] == [3, 5, 7, 9]
    leases.fail(lease, "training_failed", "diverged")
    failed = client.get(f"/v1/jobs/{job['id']}").json()
    assert (failed["status"], failed["error"]) == ("failed", {"code": "training_failed", "message": "diverged"})


def test_job_that_succeeded_is_done_whatever_was_reported_last(
    client: httpx.Client, leases: LeaseStore, file: str
) -> None:
    job = ask(client, file)
    lease = claim(leases)
    progress = {"phase": "evaluating", "step": 5, "steps": 0, "fraction": 0.0, "epoch": 0.0, "metrics": {}}
    progress |= {"tokens_per_second": None, "seconds_left": None}
    leases.renew(lease, 60, progress)
    assert client.get(f"/v1/jobs/{job['id']}").json()["progress"]["fraction"] == 0.0
    leases.succeed(lease, {"model": "demo@1"})
    done = {"fraction": 1.0, "seconds_left": 0.0, "processor_share": None}
    assert client.get(f"/v1/jobs/{job['id']}").json()["progress"] == progress | done
    stream = client.get(f"/v1/jobs/{job['id']}/events", headers=STREAM).text
    assert "event: progress" not in stream


def test_list_events_returns_pages(client: httpx.Client, leases: LeaseStore, file: str) -> None:
    job = ask(client, file)
    claim(leases)
    listed = client.get(f"/v1/jobs/{job['id']}/events", params={"limit": 1}).json()
    JobEventList.model_validate(listed)
    assert ([event["event"] for event in listed["data"]], listed["has_more"]) == (["queued"], True)
    rest = client.get(f"/v1/jobs/{job['id']}/events", params={"after": 1}).json()
    assert ([event["event"] for event in rest["data"]], rest["has_more"]) == (["started"], False)


def test_list_events_streams_to_the_end_and_resumes(
    client: httpx.Client, leases: LeaseStore, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_watch, "POLL_SECONDS", 0.02)
    job = ask(client, file)

    def work() -> None:
        lease = claim(leases)
        leases.renew(lease, 60, {"step": 1})
        leases.succeed(lease, {"model": "demo@1"})

    with client.stream("GET", f"/v1/jobs/{job['id']}/events", headers=STREAM) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        worker = threading.Thread(target=work)
        worker.start()
        body = b"".join(answer.iter_bytes())
        worker.join()
    events = list(parse_events(body.splitlines(keepends=True)))  # type: ignore[arg-type]
    numbered = [(event.id, event.event) for event in events if event.id]
    assert numbered == [("1", "queued"), ("2", "started"), ("3", "succeeded")]
    assert {event.event for event in events if not event.id} <= {"progress", "waiting"}
    assert events[-1].event == "succeeded"
    again = client.get(f"/v1/jobs/{job['id']}/events", headers={**STREAM, "last-event-id": "2"}).text
    assert json.loads(next(line for line in again.splitlines() if line.startswith("data: "))[6:])["model"] == "demo@1"
    assert "id: 2" not in again
    bad = client.get(f"/v1/jobs/{job['id']}/events", headers={**STREAM, "last-event-id": "x"})
    assert refused(bad) == (400, "invalid_input", "Last-Event-ID")


def test_list_events_sends_keep_alives(
    client: httpx.Client, leases: LeaseStore, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.01)
    monkeypatch.setattr(job_watch, "POLL_SECONDS", 0.02)
    job = ask(client, file)
    with client.stream("GET", f"/v1/jobs/{job['id']}/events", headers=STREAM) as answer:
        lines = answer.iter_lines()
        assert any(line == ": keep-alive" for line in lines)
    client.post(f"/v1/jobs/{job['id']}/cancel")


def test_jobs_report_an_unavailable_database(
    client: httpx.Client, own: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("the database is not available: locked")

    monkeypatch.setattr(own.app.state.stores.jobs, "page", gone)
    answer = client.get("/v1/jobs")
    assert refused(answer) == (503, "database_unavailable", None)
    assert answer.headers["retry-after"] == "1"
    assert client.post("/v1/models/words/next", json={"context": "the"}).status_code == 200


def test_create_job_reads_files_as_they_were_uploaded(
    client: httpx.Client, leases: LeaseStore, file: str, own: Server
) -> None:
    text = "le caf\u00e9 est ferm\u00e9\n".encode("latin-1") * 50
    latin = client.post("/v1/files", content=text, params={"encoding": "latin-1"}).json()["id"]
    body = {"name": "demo", "kind": "ngram", "training_file": latin}
    job = client.post("/v1/jobs", json=body, headers={"idempotency-key": "latin"}).json()
    assert job["request"]["encoding"] == "latin-1"
    assert client.post("/v1/jobs", json=body, headers={"idempotency-key": "latin"}).json() == job
    assert "encoding" not in ask(client, file)["request"]
    assert ask(client, latin, encoding="cp1252")["request"]["encoding"] == "cp1252"
    both = client.post("/v1/jobs", json=body | {"validation_file": file})
    assert refused(both) == (400, "invalid_input", "encoding")
    assert "uploaded as latin-1 and utf-8" in both.json()["error"]["message"]
    assert refused(client.post("/v1/jobs", json=body | {"encoding": "utf-99"})) == (400, "invalid_input", "encoding")


def test_create_job_estimates_what_a_compressed_file_holds(client: httpx.Client, leases: LeaseStore, file: str) -> None:
    packed = client.post("/v1/files", content=gzip.compress(b"the cat sat on the mat\n" * 100)).json()["id"]
    assert ask(client, packed)["estimate"] == ask(client, file)["estimate"]


def test_create_job_reads_labelled_files_as_they_were_uploaded(
    client: httpx.Client, leases: LeaseStore, own: Server
) -> None:
    table = "text,label\ncaf\u00e9,good\nth\u00e9,bad\n".encode("latin-1")
    latin = client.post("/v1/files", content=table, params={"encoding": "latin-1", "filename": "a.csv"}).json()["id"]
    job = ask(client, latin, kind="naive_bayes", validation_fraction=0)
    assert job["request"]["encoding"] == "latin-1"
