"""Routes /health/live (the process answers), /health/ready (models are loaded) and /metrics."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from app.routes.router import resource_router
from app.schemas.models import Live, Ready

router = resource_router("health", has_errors=False)


@router.get("/health/live", response_model=Live, summary="Does the process answer?")
async def live() -> dict[str, Any]:
    """Answer while the process runs; for a container's restart policy."""
    return {"status": "live"}


@router.get(
    "/health/ready",
    response_model=Ready,
    summary="Are the models loaded?",
    responses={503: {"model": Ready, "description": "Models are still being loaded, or the server stops."}},
)
async def ready(request: Request) -> JSONResponse:
    """Report whether all models published before the start are loaded or unusable.

    Not ready again once the server is told to stop. While background work fails the service is `degraded`: it serves
    what it has, and may not notice what changes.
    """
    registry, failing = request.app.state.registry, request.app.state.background.failing
    status = "degraded" if failing else "ready"
    if request.app.state.in_flight.draining or not registry.has_scanned:
        status = "stopping" if request.app.state.in_flight.draining else "loading"
    snapshot = registry.snapshot
    content = {
        "status": status,
        "models": [served.id for served in snapshot.models],
        "loading": list(snapshot.loading),
        "problems": [{"id": name, "message": message} for name, message in sorted(snapshot.problems.items())],
        "failing": [{"task": task} | asdict(failure) for task, failure in sorted(failing.items())],
    }
    return JSONResponse(content, 200 if status in ("ready", "degraded") else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    summary="What was counted?",
)
async def metrics(request: Request) -> Response:
    """Return counters of the service: requests, their time, tokens, work in progress, models and jobs.

    Several server processes on one port tell their sums, whichever of them answers.
    """
    rendered = await asyncio.to_thread(request.app.state.metrics.render)  # it waits for the database
    return Response(rendered, media_type=CONTENT_TYPE_PLAIN_0_0_4)
