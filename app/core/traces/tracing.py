"""Interface of tracers: a `Tracing` begins a `Trace` of a request or a job, whose parts are `Span`s.

Nothing here needs OpenTelemetry, so that a service without traces, and without the extra `otel`, pays nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

MAX_PHASES = 200
"""Phases of a piece of work that are told apart: a training of many epochs measures after each."""
Attributes = Mapping[str, str | int | float | bool]


@dataclass(frozen=True)
class Span:
    """A part of the work on a request or a job; moments as perf_counter() tells them."""

    name: str
    began: float
    ended: float
    attributes: Attributes = field(default_factory=dict)


class Trace(Protocol):
    """A request or an attempt at a job that has begun."""

    @property
    def id(self) -> str:
        """Id of the trace, in hexadecimal."""

    @property
    def traceparent(self) -> str:
        """The header of W3C's Trace Context by which other work refers to this."""

    def end(self, name: str, attributes: Attributes, parts: Iterable[Span], error: str | None) -> None:
        """Note the end, with the name, attributes and parts; `error` is the code of a failure."""


class Tracing(Protocol):
    """Tracer of this process."""

    def begin_request(self, traceparent: str, tracestate: str) -> Trace:
        """Begin the trace of a request, below that of the client if its headers name one; both may be empty."""

    def begin_job(self, submitted_by: str | None) -> Trace:
        """Begin the trace of an attempt at a job, with a link to the request whose traceparent this is."""

    def close(self) -> None:
        """Send what is there still, for a few seconds at most."""


class Phases:
    """Phases of a piece of work, one after the other, as spans.

    >>> phases = Phases()
    >>> phases.enter("counting"), phases.enter("counting"), phases.enter("training")
    (None, None, None)
    >>> [span.name for span in phases.spans()]
    ['counting', 'training']
    """

    def __init__(self) -> None:
        self._began: list[tuple[str, float]] = []

    def enter(self, name: str) -> None:
        """Note that a phase is under way; nothing new if it was before, or there have been too many."""
        is_new = not self._began or self._began[-1][0] != name
        if is_new and len(self._began) < MAX_PHASES:
            self._began.append((name, perf_counter()))

    def spans(self) -> list[Span]:
        """Return the phases so far; each ends where the next one begins, the last one now."""
        ends = [began for _, began in self._began[1:]] + [perf_counter()]
        return [Span(name, began, ended) for (name, began), ended in zip(self._began, ends, strict=False)]
