"""The application: builds what lives as long as the server does, and puts the routes in front of it.

It is the only place where the registry, the engine and the jobs meet. It knows no models and no HTTP beyond that.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from app.docs import add_docs
from app.engine import Engine
from app.errors import answer_errors
from app.middleware import BodyLimit, RequestId
from app.registry import Registry
from app.rehearsal import rehearse
from app.routes import aliases, files, generate, health, jobs, models, perplexity, probability, rescore
from app.routes import next as next_token
from app.schemas.base import ErrorAnswer
from app.settings import Settings
from app.shortcut import Route, Shortcut
from app.stores import Stores
from models.checkpoint import Checkpoint, load
from models.families import PRECISIONS
from models.ledger import Ledger
from models.prefixes import PrefixCache

DESCRIPTION = """Small language models, n-gram and recurrent, over HTTP.

Log-probabilities are natural logarithms (nats). Every answer has an `x-request-id`; every error is
`{"error": {"message", "type", "param", "code"}}`."""

ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "A field is not acceptable; `param` names it."},
    404: {"model": ErrorAnswer, "description": "No such model; the message lists what there is."},
    409: {"model": ErrorAnswer, "description": "It cannot be done as things stand; the message says why."},
    413: {"model": ErrorAnswer, "description": "The body is too large."},
    429: {"model": ErrorAnswer, "description": "Too many requests wait; `retry-after` says when to try again."},
    503: {"model": ErrorAnswer, "description": "The model is being loaded or cannot be used, or the server stops."},
    "default": {"model": ErrorAnswer, "description": "Any other error."},
}

SHORT_WAYS: dict[str, Route] = {
    "next": next_token.predict_next,
    "probability": probability.score_probability,
    "rescore": rescore.rescore,
}


def create_app(settings: Settings) -> FastAPI:
    """The service of these settings. Models load, and threads run, from its start-up to its shutdown."""
    app = FastAPI(
        title="Nextword",
        version=version("nextword"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    families = PRECISIONS[settings.precision]
    ledger = Ledger(settings.data / "verified.json")
    app.state.settings = settings

    def opened(path: Path) -> Checkpoint:
        checkpoint = rehearse(load(path, ledger=ledger, families=families, opened=registry.opened))
        if not checkpoint.model.quick:
            checkpoint.model.prefixes = PrefixCache(settings.prefix_cache_bytes)
        return checkpoint

    app.state.registry = registry = Registry(settings.checkpoints, opened)
    app.state.engine = Engine(settings)
    app.state.stores = Stores.open(settings)
    app.state.stopping = threading.Event()
    app.add_middleware(Shortcut, routes=SHORT_WAYS)
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(RequestId)
    answer_errors(app)
    add_docs(app)
    for resource in (models, next_token, probability, perplexity, rescore, generate, files, jobs, aliases):
        app.include_router(resource.router, responses=ERRORS)
    app.include_router(health.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.engine.start()
    stores: Stores = app.state.stores
    seconds = app.state.settings.reload_seconds
    watchers = [asyncio.create_task(app.state.registry.watch(seconds)), asyncio.create_task(stores.keep(seconds))]
    yield
    app.state.stopping.set()
    for watcher in watchers:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
    await asyncio.to_thread(app.state.engine.stop)
    await asyncio.to_thread(stores.database.close)
