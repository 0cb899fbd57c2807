"""The trace of a request, as OpenTelemetry's conventions for HTTP have it: `end_trace`."""

from __future__ import annotations

from starlette.types import Scope

from app.core.request_facts import RequestFacts

OK = "ok"


def end_trace(facts: RequestFacts, scope: Scope, status: int | None) -> None:
    """End the trace of a request that was answered with `status`; None where its client hung up before."""
    outcome = scope["state"].get("outcome", OK)
    attributes: dict[str, str | int | float | bool] = {
        "http.request.method": scope["method"],
        "url.scheme": scope.get("scheme", "http"),
        "nextword.request.id": facts.id,
        "nextword.tokens_in": facts.tokens_in,
        "nextword.tokens_out": facts.tokens_out,
    }
    known = {
        "http.route": facts.route,
        "http.response.status_code": status,
        "nextword.model": facts.model,
        "nextword.key": facts.key_name,
        "error.type": outcome if outcome != OK else None,
    }
    attributes |= {name: value for name, value in known.items() if value}
    is_failure = status is not None and status >= 500
    name = f"{scope['method']} {facts.route}" if facts.route else scope["method"]
    assert facts.trace is not None
    facts.trace.end(name, attributes, facts.spans, outcome if is_failure else None)


def route_pattern(scope: Scope) -> str:
    """Return the pattern of the path of the route that the framework chose; empty where there is none."""
    return str(getattr(scope.get("route"), "path", ""))
