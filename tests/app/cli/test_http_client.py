"""`nextword jobs` against a service: submit, list, follow, cancel; the test acts as the worker."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import http_client
from app.cli.commands.jobs import command
from app.cli.http_client import ServiceClient, ServiceError, parse_events
from app.core.api_keys import KeyLimits
from app.jobs import job_watch
from app.jobs.leases import Lease, LeaseStore
from models.errors import InvalidInput
from tests.helpers.serving import Server, ngram, publish, serving, wait_for

PROGRESS = {"phase": "training", "step": 5, "steps": 10, "fraction": 0.5, "epoch": 0.5, "metrics": {"loss": 1.0}}
PROGRESS |= {"tokens_per_second": 100.0, "seconds_left": None}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    checkpoints = tmp_path_factory.mktemp("client") / "checkpoints"
    publish(checkpoints, "words", ngram())
    with serving(checkpoints) as running:
        wait_for(lambda: running.app.state.registry.snapshot.models)
        yield running


@pytest.fixture
def leases(own: Server, monkeypatch: pytest.MonkeyPatch) -> LeaseStore:
    monkeypatch.setattr(job_watch, "POLL_SECONDS", 0.02)
    content: LeaseStore = own.app.state.stores.leases
    while claimed := content.claim("sweeper", 60):  # what an earlier test left
        content.confirm_cancelled(claimed[1])
    return content


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text("the cat sat\n" * 10)
    return tmp_path / "text.txt"


def run(own: Server, *arguments: object) -> Result:
    return CliRunner().invoke(command, ["--url", own.url, *map(str, arguments)])


def work(leases: LeaseStore, end: Callable[[Lease], None]) -> threading.Thread:
    """A worker that claims the next job, reports once and ends it."""

    def act() -> None:
        while (claimed := leases.claim("worker-1", 60)) is None:
            pass
        leases.renew(claimed[1], 60, PROGRESS)
        end(claimed[1])

    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_jobs_submit_follows_a_job_to_its_end(own: Server, leases: LeaseStore, text: Path) -> None:
    metrics = {"validation": {"lines": {"perplexity": 12.5}}}
    worker = work(leases, lambda lease: leases.succeed(lease, {"model": "demo@1", "metrics": metrics}))
    result = run(own, "submit", text, "--name", "demo", "-c", "order=3", "-t", "lowercase=true", "-t", "kind=word")
    worker.join()
    assert result.exit_code == 0, result.output
    assert "succeeded" in result.output
    assert "perplexity 12.50 on held-out lines" in result.output
    job = ServiceClient(own.url).get("/v1/jobs", limit=1)["data"][0]
    assert job["request"]["config"] == {"order": 3}
    assert job["request"]["tokenizer"] == {"lowercase": True, "kind": "word"}


@pytest.mark.parametrize(
    "url", ["localhost:8000", "file:///etc", "http://", "http://[::1", "http://a b", "http://a\nb"]
)
def test_jobs_refuse_what_is_no_address_of_http(url: str) -> None:
    result = CliRunner().invoke(command, ["--url", url, "list"])
    assert isinstance(result.exception, InvalidInput)
    assert str(result.exception).startswith("url: must be as http://127.0.0.1:8000, not ")


@pytest.mark.parametrize("job", ["a b", "é", "a?b#c"])
def test_jobs_show_and_cancel_send_any_name_as_it_is(own: Server, job: str) -> None:
    for verb in ("show", "cancel"):
        assert str(run(own, verb, job).exception) == f"there is no job '{job}'"


def test_jobs_submit_uploads_the_file_of_a_tokenizer(own: Server, leases: LeaseStore, text: Path) -> None:
    words = text.with_name("words.list")
    words.write_text("the\ncat\n")
    flags = ("-t", f"file={words}", "-t", "lowercase=true", "--no-follow", "--json")
    request = json.loads(run(own, "submit", text, "--name", "demo", *flags).output)["request"]
    assert request["tokenizer"].keys() == {"file", "lowercase"}
    assert ServiceClient(own.url).get(f"/v1/files/{request['tokenizer']['file']}")["filename"] == "words.list"


def test_jobs_submit_sends_the_tables_of_a_task(own: Server, leases: LeaseStore, tmp_path: Path) -> None:
    table = tmp_path / "films.tsv"
    table.write_text("label\ttext\n" + "pos\ta\nneg\tb\n" * 10)
    figures = {"accuracy": 0.75, "examples": 2}
    worker = work(leases, lambda lease: leases.succeed(lease, {"model": "films@1", "metrics": {"validation": figures}}))
    flags = ["-c", "pooling=mean", "--encoder", "hidden_size=8", "--training", "epochs=2", "--format", "format=tsv"]
    result = run(own, "submit", table, "--name", "films", "--kind", "classifier", *flags)
    worker.join()
    assert result.exit_code == 0, result.output
    assert "accuracy 0.750 on 2 held-out examples" in result.output
    request = ServiceClient(own.url).get("/v1/jobs", limit=1)["data"][0]["request"]
    assert (request["config"], request["encoder"]) == ({"pooling": "mean"}, {"hidden_size": 8})
    assert (request["training"], request["format"]) == ({"epochs": 2}, {"format": "tsv"})


def test_jobs_submit_measures_a_published_model(own: Server, leases: LeaseStore, text: Path) -> None:
    thresholds = {"rate": 0.1, "lp_threshold": 2.5, "ps_ppl_threshold": None, "window_ppl_threshold": 99.0}
    thresholds |= {"jailbreak_rate": 0.05, "jailbreak_rate_with_window": 0.1}
    result = {"model": "words@1", "prompt_count": 10, "window": 4, "thresholds": [thresholds]}
    worker = work(leases, lambda lease: leases.succeed(lease, result))
    shown = run(own, "submit", text, "--name", "words", "--kind", "calibrate", "-c", "rates=[0.1]", "-c", "window=4")
    worker.join()
    assert shown.exit_code == 0, shown.output
    assert "words@1: 10 prompts, windows of 4 tokens" in shown.output
    request = ServiceClient(own.url).get("/v1/jobs", limit=1)["data"][0]["request"]
    assert request.keys() == {"kind", "model", "rates", "window", "validation_file"}
    assert (request["model"], request["rates"], request["window"]) == ("words@1", [0.1], 4)


def test_jobs_submit_tunes_the_weights_of_several_models(own: Server, leases: LeaseStore, tmp_path: Path) -> None:
    lists = tmp_path / "lists.jsonl"
    lists.write_text('{"reference": "a cat", "hypotheses": [{"text": "a cat", "score": -1}]}')
    result = {"model": "words@1", "list_count": 1, "hypothesis_count": 1, "reference_length": 2, "unit": "words"}
    result |= {"error_rate": {"first_pass": 0.5, "tuned": 0.25, "held_out": None}, "weights": {"lm_weight": 0.5}}
    worker = work(leases, lambda lease: leases.succeed(lease, result))
    flags = ("--kind", "tune", "--member", "words", "-c", "unit=characters")
    shown = run(own, "submit", lists, "--name", "words@1", *flags)
    worker.join()
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[-2:] == ["errors by these weights                25.00 %", '{"lm_weight": 0.5}']
    request = ServiceClient(own.url).get("/v1/jobs", limit=1)["data"][0]["request"]
    assert (request["models"], request["unit"]) == (["words@1"], "characters")


def test_jobs_submit_selects_records(own: Server, leases: LeaseStore, tmp_path: Path) -> None:
    pages = tmp_path / "pages.jsonl"
    pages.write_text('{"text": "a cat"}')
    file = {"id": "file-1", "filename": "pages.kept.jsonl.zst", "bucket": "kept", "bytes": 9}
    result = {"model": "words@1", "record_count": 1, "kept": {"kept": 1}, "unrouted_count": 0, "error_count": 0}
    result |= {"errors": [], "limits": {"*": [None, 2.5]}, "files": [file]}
    worker = work(leases, lambda lease: leases.succeed(lease, result))
    shown = run(own, "submit", pages, "--name", "words", "--kind", "select", "-c", "lowest=30", "--member", "words")
    worker.join()
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[-3:] == [
        "1 records: 1 kept",
        "limits *: None to 2.5",
        "written file-1 (pages.kept.jsonl.zst)",
    ]
    request = ServiceClient(own.url).get("/v1/jobs", limit=1)["data"][0]["request"]
    assert request.keys() == {"kind", "model", "against", "files", "config"}
    assert (request["against"], request["config"]) == ("words@1", {"lowest": 30})
    refused = run(own, "submit", pages, "--name", "words", "--kind", "score", "--member", "a", "--member", "b")
    assert "member: one is accepted" in str(refused.exception)


def test_jobs_submit_reports_a_failure(own: Server, leases: LeaseStore, text: Path) -> None:
    worker = work(leases, lambda lease: leases.fail(lease, "training_failed", "diverged"))
    result = run(own, "submit", text, "--name", "demo", "--kind", "lstm", "-c", "epochs=1")
    worker.join()
    assert "training_failed: diverged" in result.output
    assert isinstance(result.exception, ServiceError)


def test_jobs_are_listed_shown_and_cancelled(own: Server, leases: LeaseStore, text: Path) -> None:
    submitted = json.loads(run(own, "submit", text, "--name", "demo", "--no-follow", "--json").output)
    listed = run(own, "list", "--status", "queued").output
    assert submitted["id"] in listed
    assert "#1" in listed
    assert run(own, "cancel", submitted["id"]).output.split()[1] == "cancelled"
    assert json.loads(run(own, "show", submitted["id"], "--json").output)["status"] == "cancelled"


def test_client_passes_on_the_services_refusal(own: Server, text: Path) -> None:
    refused = run(own, "submit", text, "--name", "demo", "-c", "order=0").exception
    assert isinstance(refused, InvalidInput)
    assert refused.field == "config.order"
    with pytest.raises(ServiceError, match="there is no job 'job-none'"):
        ServiceClient(own.url).get("/v1/jobs/job-none")


def test_client_reports_a_missing_service() -> None:
    with pytest.raises(ServiceError, match="does not answer"):
        ServiceClient("http://127.0.0.1:9").get("/v1/jobs")


def test_follow_job_fails_at_once_without_a_service() -> None:
    with pytest.raises(ServiceError, match="does not answer"):
        next(ServiceClient("http://127.0.0.1:9").follow_job("job-none"))


def test_follow_job_reopens_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "RECONNECT_SECONDS", 0.01)
    answers = iter(
        (b"id: 1\nevent: queued\ndata: {}\n\n", None, b"id: 2\nevent: succeeded\ndata: {}\n\n")  # None: lost at once
    )
    last_ids: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            last_ids.append(self.headers["last-event-id"])
            answer = next(answers)
            if answer is not None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        events = [event.event for event in ServiceClient(f"http://127.0.0.1:{server.server_port}").follow_job("job-1")]
        server.shutdown()
        thread.join()
    assert events == ["queued", "succeeded"]
    assert last_ids == ["0", "1", "1"]


def test_parse_events_drops_an_event_that_breaks_off() -> None:
    stream = b": keep-alive\n\nid: 1\nevent: queued\ndata: {}\n\nid: 2\nevent: started\ndata: {"
    assert [(event.id, event.event) for event in parse_events(io.BytesIO(stream))] == [("1", "queued")]


def test_client_sends_its_key_and_tells_what_is_wrong_with_it(tmp_path: Path, text: Path) -> None:
    publish(tmp_path / "checkpoints", "words", ngram())
    with serving(tmp_path / "checkpoints") as guarded:
        ring = guarded.app.state.stores.keys
        key = ring.store.create("trainer", frozenset(["train"]), KeyLimits())
        ring.refresh()
        submitted = run(guarded, "--api-key", key, "submit", text, "--name", "made", "--no-follow", "--json")
        assert json.loads(submitted.stdout)["status"] == "queued", submitted.output
        for arguments, message in ((("--api-key", "nw_wrong"), "no such API key"), ((), "an API key is needed")):
            with pytest.raises(ServiceError, match=message):
                CliRunner().invoke(command, ["--url", guarded.url, *arguments, "list"], catch_exceptions=False)
        with pytest.raises(InvalidInput, match="api_key: must be printable ASCII"):
            CliRunner().invoke(command, ["--api-key", "a\nb", "list"], catch_exceptions=False)
