"""Tracing by OpenTelemetry: spans go to a collector by OTLP over HTTP, from a thread of their own.

Whatever the collector does, no request notices: spans that cannot be sent are dropped, and the log says so once, not at
each try. The library's own environment variables (`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`,
`OTEL_EXPORTER_OTLP_HEADERS`, ...) hold.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.core.traces.tracing import Attributes, Span

logger = logging.getLogger(__name__)
PATH = "/v1/traces"
"""Of a collector's endpoint, as OTLP has it."""
EXPORT_SECONDS = 5.0
"""Time in which a collector must have taken a batch; retries included."""
CLOSE_SECONDS = 2.0
"""Time that the end of the process waits for the last batch."""
_PROPAGATOR = TraceContextTextMapPropagator()


class OtlpTracing:
    """Tracer that sends spans to a collector."""

    def __init__(self, endpoint: str, service: str) -> None:
        """Send to the collector at `endpoint`, an address without the path, as `service` or as OTEL_* say."""
        resource = Resource.create({"service.version": version("nextword")})
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: service}))
        reports = _Reports(endpoint)
        exporter = OTLPSpanExporter(endpoint.rstrip("/") + PATH, timeout=EXPORT_SECONDS)
        self._processor = BatchSpanProcessor(_ReportingExporter(exporter, reports))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        self._tracer = provider.get_tracer("nextword")

    def begin_request(self, traceparent: str, tracestate: str) -> _OtlpTrace:
        """Begin the trace of a request, below that of the client if its headers name one; both may be empty."""
        above = _read_headers(traceparent, tracestate) if traceparent else Context()
        return _OtlpTrace(self._tracer, self._tracer.start_span("request", above, trace.SpanKind.SERVER))

    def begin_job(self, submitted_by: str | None) -> _OtlpTrace:
        """Begin the trace of an attempt at a job, with a link to the request whose traceparent this is."""
        linked = trace.get_current_span(_read_headers(submitted_by or "", "")).get_span_context()
        links = [trace.Link(linked)] if linked.is_valid else []
        span = self._tracer.start_span("job", Context(), trace.SpanKind.CONSUMER, links=links)
        return _OtlpTrace(self._tracer, span)

    def close(self) -> None:
        """Send what is there still, for a few seconds at most."""
        closing = threading.Thread(target=self._processor.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def _read_headers(traceparent: str, tracestate: str) -> Context:
    return _PROPAGATOR.extract({"traceparent": traceparent, "tracestate": tracestate}, Context())


class _OtlpTrace:
    """A request or an attempt that has begun."""

    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer, self._span = tracer, span
        self._clock_offset = time.time_ns() - time.perf_counter_ns()
        """Nanoseconds from a moment of perf_counter() to the same one counted since 1970."""

    @property
    def id(self) -> str:
        """Id of the trace, in hexadecimal."""
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    @property
    def traceparent(self) -> str:
        """The header of W3C's Trace Context by which other work refers to this."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(self._span, Context()))
        return carrier.get("traceparent", "")

    def end(self, name: str, attributes: Attributes, parts: Iterable[Span], error: str | None) -> None:
        """Note the end, with the name, attributes and parts; `error` is the code of a failure."""
        if self._span.is_recording():
            within = trace.set_span_in_context(self._span, Context())
            for part in parts:
                began, ended = self._moment(part.began), self._moment(part.ended)
                self._tracer.start_span(part.name, within, attributes=dict(part.attributes), start_time=began).end(
                    ended
                )
            self._span.update_name(name)
            self._span.set_attributes(dict(attributes))
            if error is not None:
                self._span.set_status(trace.StatusCode.ERROR, error)
        self._span.end()

    def _moment(self, seconds: float) -> int:
        return self._clock_offset + int(seconds * 1e9)


class _Reports(logging.Handler):
    """The log of what comes of exports: a failure once, until one succeeds again.

    It takes the records of OpenTelemetry's own loggers, which would tell of each try.
    """

    def __init__(self, endpoint: str) -> None:
        super().__init__(logging.WARNING)
        self._endpoint = endpoint
        self._reason = ""
        self._is_failing = False
        library = logging.getLogger("opentelemetry")
        for other in [handler for handler in library.handlers if isinstance(handler, _Reports)]:
            library.removeHandler(other)
        library.addHandler(self)
        library.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what the library says, as the reason of the failure that it leads to."""
        self._reason = record.getMessage()
        if "Queue full" in self._reason:  # batches are sent more slowly than spans come
            self.fail()

    def fail(self) -> None:
        """Log that spans are dropped, unless that was logged before."""
        if not self._is_failing:
            self._is_failing = True
            logger.warning("traces cannot be sent to %s, and are dropped: %s", self._endpoint, self._reason)

    def succeed(self) -> None:
        """Log that spans are sent again, where they were not."""
        if self._is_failing:
            self._is_failing = False
            logger.info("traces are sent to %s again", self._endpoint)


class _ReportingExporter(SpanExporter):
    """Exporter that tells `reports` what became of each batch."""

    def __init__(self, exporter: SpanExporter, reports: _Reports) -> None:
        self._exporter, self._reports = exporter, reports

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._reports.succeed()
        else:
            self._reports.fail()
        return result

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()
