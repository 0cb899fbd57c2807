"""Traces as a collector gets them, over OTLP and HTTP."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.cli.commands.worker import build_worker
from app.core.settings import Settings, load_settings
from app.core.traces import opening, otlp
from app.core.traces.opening import closing_traces, open_tracing
from app.core.traces.otlp import OtlpTracing
from app.core.traces.tracing import MAX_PHASES, Phases, Span
from app.stores import Stores
from models.errors import InvalidInput
from tests.app.core.traces.collector import Collector, collecting
from tests.helpers.databases import free_port
from tests.helpers.jobs import LSTM, PACE, ask, over, upload
from tests.helpers.serving import ENDLESS, TEXT, Server, serving, wait_for

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SERVER, CONSUMER = 2, 5
"""Kinds of spans in OTLP."""


@pytest.fixture(autouse=True, scope="module")
def _soon() -> Iterator[None]:
    """Send batches every tenth of a second, not every five."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield


@pytest.fixture(scope="module")
def collector(_soon: None) -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def traced(checkpoints: Path, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("traced")
    own = Path(shutil.copytree(checkpoints, folder / "checkpoints"))  # a job publishes into it
    limits = {"max_tokens": 10**6, "max_pending_tokens": 10**7}
    with serving(own, data=folder / "data", otlp_endpoint=collector.endpoint, **PACE, **limits) as running:
        yield running


@pytest.fixture
def asking(traced: Server, collector: Collector) -> Iterator[httpx.Client]:
    collector.spans.clear()
    with httpx.Client(base_url=traced.url, timeout=60) as client:
        yield client


def test_trace_of_a_generation_has_queue_prefill_and_decode(asking: httpx.Client, collector: Collector) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "x-request-id": "req-1"}
    body = {"prompt": "the dog", "max_tokens": 5, "n": 2, "ignore_end": True}
    before = time.time_ns()
    usage = asking.post("/v1/models/lstm/generate", json=body, headers=headers).json()["usage"]
    span = collector.await_one("POST /v1/models/{model}/generate")
    assert (span["trace"], span["parent"], span["kind"], span["is_error"]) == (TRACE, PARENT, SERVER, False)
    assert span["attributes"] == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.route": "/v1/models/{model}/generate",
        "http.response.status_code": 200,
        "nextword.request.id": "req-1",
        "nextword.model": "lstm@1",
        "nextword.tokens_in": usage["prompt_tokens"],
        "nextword.tokens_out": 10,
    }
    parts = collector.within(span)
    assert parts.keys() == {"queue", "prefill", "decode"}
    queue, prefill, decode = parts["queue"], parts["prefill"], parts["decode"]
    assert before <= span["began"] <= queue["began"] <= queue["ended"] == prefill["began"]
    assert prefill["began"] <= prefill["ended"] == decode["began"] <= decode["ended"] <= span["ended"]
    assert span["ended"] <= time.time_ns()
    assert prefill["attributes"]["prompt_tokens"] == usage["prompt_tokens"]
    assert decode["attributes"] == {"texts": 2, "completion_tokens": 10}
    assert {part["trace"] for part in parts.values()} == {TRACE}
    assert collector.services == {"nextword"}


@pytest.mark.parametrize("header", ["", "nonsense", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-01"])
def test_trace_begins_anew_where_the_header_names_none(asking: httpx.Client, collector: Collector, header: str) -> None:
    asking.post("/v1/models/words/next", json={"context": "the"}, headers={"traceparent": header})
    span = collector.await_one("POST /v1/models/{model}/next")
    assert span["parent"] == ""
    assert span["trace"] not in (TRACE, "0" * 32)
    assert collector.within(span) == {}  # computed at once


def test_trace_is_not_sent_where_the_client_samples_none(asking: httpx.Client, collector: Collector) -> None:
    unsampled = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
    assert asking.get("/v1/models", headers=unsampled).status_code == 200
    assert asking.get("/health/live").status_code == 200
    asking.get("/v1/files")
    collector.await_one("GET /v1/files")
    assert not [span for span in collector.spans if span["trace"] == TRACE or "health" in span["name"]]


def test_trace_of_long_work_has_queue_and_computing(asking: httpx.Client, collector: Collector) -> None:
    asking.post("/v1/models/lstm/probability", json={"text": "the dog " * 50})
    span = collector.await_one("POST /v1/models/{model}/probability")
    parts = collector.within(span)
    assert parts.keys() == {"queue", "compute"}
    assert parts["queue"]["ended"] == parts["compute"]["began"]


def test_trace_of_a_failure_is_one_where_the_server_failed(
    asking: httpx.Client, traced: Server, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking.post("/v1/models/nope/next", json={})
    refused = collector.await_one("POST /v1/models/{model}/next")
    assert (refused["is_error"], refused["attributes"]["error.type"]) == (False, "model_not_found")
    assert asking.get("/no/such").status_code == 404
    unknown = collector.await_one("GET")
    assert "http.route" not in unknown["attributes"]

    def fail(_: str) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(traced.app.state.registry, "find", fail)
    assert asking.post("/v1/models/words/probability", json={"text": "the"}).status_code == 500
    failed = collector.await_one("POST /v1/models/{model}/probability")
    assert (failed["is_error"], failed["attributes"]["error.type"]) == (True, "internal_error")


def test_trace_of_a_stream_ends_when_its_client_hangs_up(asking: httpx.Client, collector: Collector) -> None:
    body = {"prompt": "the", "stream": True, **ENDLESS}
    with asking.stream("POST", "/v1/models/lstm/generate", json=body) as answer:
        next(answer.iter_text())
        assert not collector.named("POST /v1/models/{model}/generate")
    span = collector.await_one("POST /v1/models/{model}/generate")
    assert span["attributes"]["error.type"] == "client_gone"
    assert 0 < collector.within(span)["decode"]["attributes"]["completion_tokens"] < ENDLESS["max_tokens"]


def test_trace_of_a_job_is_linked_to_the_request_that_submitted_it(
    asking: httpx.Client, traced: Server, collector: Collector
) -> None:
    file = upload(asking, TEXT)
    job = ask(asking, kind="lstm", name="traced", training_file=file, config={**LSTM, "epochs": 1})
    settings, stop = traced.app.state.settings, threading.Event()
    stores = Stores.open(settings)
    with closing_traces(open_tracing(settings.otlp_endpoint, "nextword-worker")) as tracing:
        worker = threading.Thread(target=build_worker(settings, stores, stop, tracing).run)
        worker.start()
        try:
            assert over(asking, job)["status"] == "succeeded", job
        finally:
            stop.set()
            worker.join()
    stores.database.close()
    submitted = collector.await_one("POST /v1/jobs")
    attempt = collector.await_one("job lstm")
    assert attempt["links"] == [(submitted["trace"], submitted["id"])]
    assert (attempt["kind"], attempt["parent"], attempt["is_error"]) == (CONSUMER, "", False)
    assert attempt["trace"] != submitted["trace"]
    known = attempt["attributes"]
    assert known.pop("nextword.job.queue_seconds") >= 0
    assert known == {
        "nextword.job.id": job["id"],
        "nextword.job.kind": "lstm",
        "nextword.job.attempt": 1,
        "nextword.job.status": "succeeded",
        "nextword.model": "traced@1",
    }
    assert {"starting", "training", "publishing"} <= collector.within(attempt).keys()
    parts = [span for span in collector.spans if span["parent"] == attempt["id"]]
    in_order = sorted(parts, key=lambda part: part["began"])
    assert [part["ended"] for part in in_order[:-1]] == [part["began"] for part in in_order[1:]]
    assert collector.services == {"nextword", "nextword-worker"}


def sent(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == otlp.__name__]


def test_trace_that_cannot_be_sent_is_logged_once_and_harms_no_request(
    asking: httpx.Client, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 400
    try:
        with caplog.at_level(logging.INFO):
            tries = collector.exports
            for _ in range(3):
                assert asking.get("/v1/models").status_code == 200
                wait_for(lambda before=tries: collector.exports > before)
                tries = collector.exports
            wait_for(lambda: len(sent(caplog)) == 1)
            assert sent(caplog)[0].startswith(f"traces cannot be sent to {collector.endpoint}, and are dropped: ")
            collector.status = 200
            asking.get("/v1/files")
            wait_for(lambda: len(sent(caplog)) == 2)
            assert sent(caplog)[1] == f"traces are sent to {collector.endpoint} again"
    finally:
        collector.status = 200


@pytest.mark.parametrize("kind", ["nobody", "hanging"])
def test_trace_without_an_answer_is_dropped_and_keeps_no_process_from_its_end(
    kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(otlp, "EXPORT_SECONDS", 2.0)
    monkeypatch.setattr(otlp, "CLOSE_SECONDS", 1.0)
    with collecting() as collector, caplog.at_level(logging.INFO):
        collector.pause.clear()
        endpoint = collector.endpoint if kind == "hanging" else f"http://127.0.0.1:{free_port()}"
        tracing = OtlpTracing(endpoint, "test")
        began = time.monotonic()
        tracing.begin_request("", "").end("GET", {}, [Span("queue", 0.0, 1.0)], None)
        assert time.monotonic() - began < otlp.EXPORT_SECONDS
        wait_for(lambda: len(sent(caplog)) == 1, seconds=30)
        tracing.begin_request("", "").end("GET", {}, [], None)
        began = time.monotonic()
        tracing.close()
        assert time.monotonic() - began < 3


def test_open_tracing_without_an_endpoint_loads_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from app.main import create_app; from app.core.settings import Settings;"
        f"app = create_app(Settings(data=pathlib.Path({str(tmp_path)!r}), checkpoints=pathlib.Path('none')));"
        "assert app.state.tracing is None; assert 'opentelemetry.sdk' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_open_tracing_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LIBRARIES", ("opentelemetry.sdk", "no_such.package.at_all"))
    assert open_tracing(None, "nextword") is None
    with pytest.raises(InvalidInput, match=r"otlp_endpoint: .*pip install 'nextword\[otel\]'"):
        open_tracing("http://127.0.0.1:1", "nextword")


def test_settings_name_the_collector_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://theirs:4318")
    assert Settings().otlp_endpoint == "http://theirs:4318"
    assert Settings().environment()["NEXTWORD_OTLP_ENDPOINT"] == "http://theirs:4318"
    monkeypatch.setenv("NEXTWORD_OTLP_ENDPOINT", "https://ours:4318/otlp")
    assert load_settings().otlp_endpoint == "https://ours:4318/otlp"
    assert load_settings(otlp_endpoint="http://given").otlp_endpoint == "http://given"
    monkeypatch.setenv("NEXTWORD_OTLP_ENDPOINT", "")
    assert Settings().otlp_endpoint is None
    for bad in ("collector:4318", "ftp://a", "http://", "http://a b", "http://a/?q", "http://me:secret@a"):
        monkeypatch.setenv("NEXTWORD_OTLP_ENDPOINT", bad)
        with pytest.raises(InvalidInput, match="must be an address such as"):
            load_settings()


def test_request_line_has_the_trace(
    asking: httpx.Client, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        asking.get("/v1/models")
        span = collector.await_one("GET /v1/models")
    (line,) = [vars(record) for record in caplog.records if record.name == "app.request"]
    assert line["trace"] == span["trace"]


def test_phases_of_a_long_training_are_bounded() -> None:
    phases = Phases()
    for _ in range(1000):
        phases.enter("training")
        phases.enter("validation")
    assert len(phases.spans()) == MAX_PHASES
