"""A collector of OTLP over HTTP, which parses what comes with OpenTelemetry's own protobuf classes."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.helpers.serving import wait_for


class Collector(ThreadingHTTPServer):
    """Spans that have come, by name, as dictionaries; answers `status`, after `pause` is set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[dict[str, Any]] = []
        self.services: set[str] = set()
        self.status = 200
        self.exports = 0
        self.pause = threading.Event()
        self.pause.set()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, content: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            self.services.add(_attributes(resource.resource.attributes)["service.name"])
            self.spans += [_span(span) for scope in resource.scope_spans for span in scope.spans]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [span for span in self.spans if span["name"] == name]

    def await_one(self, name: str) -> dict[str, Any]:
        wait_for(lambda: bool(self.named(name)), seconds=30)
        (span,) = self.named(name)
        return span

    def within(self, span: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {part["name"]: part for part in self.spans if part["parent"] == span["id"]}


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        self.server.pause.wait(60)
        self.server.exports += 1
        if self.server.status == 200:
            assert self.path == "/v1/traces"
            assert self.headers["content-type"] == "application/x-protobuf"
            is_packed = self.headers.get("content-encoding") == "gzip"
            self.server.take(gzip.decompress(content) if is_packed else content)
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _attributes(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def _span(span: Any) -> dict[str, Any]:
    return {
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "kind": span.kind,
        "began": span.start_time_unix_nano,
        "ended": span.end_time_unix_nano,
        "attributes": _attributes(span.attributes),
        "links": [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        "is_error": span.status.code == 2,
    }


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector while the block lasts."""
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.pause.set()
            collector.shutdown()
            thread.join()
