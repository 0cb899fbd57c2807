"""Facts of one request, for its line of the log, its count of tokens and its trace.

A context variable holds them, since models are resolved and tokens are counted far below the middleware that begins a
request. Functions that note something do nothing outside a request.
"""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter
from typing import Protocol

from app.core.api_keys import ApiKey
from app.core.traces.tracing import Span, Trace

MAX_NAME = 100
"""Characters of a model's name as it was asked for that a line of the log holds."""


class Caller(Protocol):
    """The API key of a request, and how its tokens are counted."""

    key: ApiKey

    def use_tokens(self, count: int) -> None:
        """Count tokens that were read or written."""


class RequestFacts:
    """Facts that are known of a request so far.

    >>> facts = RequestFacts("req-1")
    >>> facts.model, facts.tokens_in, facts.key_name
    ('', 0, None)
    """

    __slots__ = ("caller", "id", "model", "route", "spans", "started_at", "tokens_in", "tokens_out", "trace")

    def __init__(self, request_id: str) -> None:
        self.id = request_id
        self.started_at = perf_counter()
        self.caller: Caller | None = None
        """None where no key was asked for."""
        self.route = ""
        """Pattern of the route's path, where the framework did not choose the route."""
        self.model = ""
        """Model that answers, as `name@version`; as it was asked for where there is none."""
        self.tokens_in = 0
        """Tokens read; of texts that are scored, about as many."""
        self.tokens_out = 0
        """Tokens written."""
        self.trace: Trace | None = None
        """None where requests are not traced."""
        self.spans: list[Span] = []
        """Parts of the work, where requests are traced."""

    @property
    def key_name(self) -> str | None:
        """Name of the request's API key."""
        return self.caller.key.name if self.caller is not None else None


REQUEST: ContextVar[RequestFacts | None] = ContextVar("nextword_request", default=None)
"""The request that is served in this context."""


def note_caller(caller: Caller) -> None:
    """Note whose request this is."""
    facts = REQUEST.get()
    if facts is not None:
        facts.caller = caller


def note_route(pattern: str) -> None:
    """Note the pattern of the path of the route that answers."""
    facts = REQUEST.get()
    if facts is not None:
        facts.route = pattern


def note_model(model: str) -> None:
    """Note the model that answers, or the name that was asked for."""
    facts = REQUEST.get()
    if facts is not None:
        facts.model = model[:MAX_NAME]


def note_span(name: str, began: float, ended: float | None = None, **attributes: str | int) -> None:
    """Note a part of the work on the request that is served, if it is traced.

    Moments are as perf_counter() tells them; without an end, it ends now.
    """
    facts = REQUEST.get()
    if facts is not None and facts.trace is not None:
        facts.spans.append(Span(name, began, perf_counter() if ended is None else ended, attributes))


def request_traceparent() -> str | None:
    """Return the traceparent of the request that is served, if it is traced."""
    facts = REQUEST.get()
    return facts.trace.traceparent if facts is not None and facts.trace is not None else None


def count_request_tokens(kind: str, count: int) -> None:
    """Count tokens of the request that is served: `completion`, or what was read."""
    facts = REQUEST.get()
    if facts is None:
        return
    if kind == "completion":
        facts.tokens_out += count
    else:
        facts.tokens_in += count
    if facts.caller is not None:
        facts.caller.use_tokens(count)
