"""The tracer of a process, if the settings want one: `open_tracing`, and `closing_traces` at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from app.core.traces.tracing import Tracing
from models.errors import InvalidInput

LIBRARIES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
"""What the extra `otel` brings."""


def open_tracing(endpoint: str | None, service: str) -> Tracing | None:
    """Return the tracer that sends to a collector of OTLP over HTTP; None where there is no endpoint.

    Raises InvalidInput where the extra `otel` is not installed.
    """
    if endpoint is None:
        return None
    check_tracing(endpoint)
    from app.core.traces.otlp import OtlpTracing  # imported where traces are wanted alone

    return OtlpTracing(endpoint, service)


def check_tracing(endpoint: str | None) -> None:
    """Raise InvalidInput where traces are wanted and the extra `otel` is not installed."""
    if endpoint is not None and not all(map(_is_installed, LIBRARIES)):
        raise InvalidInput("otlp_endpoint", "traces need the extra `otel`: pip install 'nextword[otel]'")


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # nor the package above it
        return False


@contextmanager
def closing_traces(tracing: Tracing | None) -> Iterator[Tracing | None]:
    """Close a tracer, if there is one, at the end of the block."""
    try:
        yield tracing
    finally:
        if tracing is not None:
            tracing.close()
