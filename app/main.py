"""The application: builds what lives as long as the server, with middleware and routes in front.

The composition root of the web service: only here do registry, engine and jobs meet.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from weakref import WeakValueDictionary

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from app.core.background import BackgroundTasks
from app.core.container_limits import memory_quota
from app.core.exceptions import DatabaseUnavailable
from app.core.host_names import split_origins
from app.core.logs.request_line import RequestLog
from app.core.metrics import Metrics
from app.core.request_facts import count_request_tokens
from app.core.settings import Settings, split_models
from app.core.traces.opening import open_tracing
from app.engine.capacity import WorkQueue
from app.engine.engine import Engine
from app.engine.registry.folder_watch import FolderWatch
from app.engine.registry.model_memory import MemoryLimits
from app.engine.registry.model_registry import ModelRegistry
from app.engine.warm_up import warm_up
from app.http.error_responses import add_error_handlers
from app.http.swagger_ui import add_swagger_ui
from app.jobs.job_watch import JobWatch
from app.middleware.access import AccessMiddleware
from app.middleware.admission import COMPLETIONS_PATH, EMBEDDINGS_PATH, AdmissionMiddleware
from app.middleware.body_limit import BodyLimitMiddleware
from app.middleware.browsers import BrowserMiddleware
from app.middleware.in_flight import InFlightRequests
from app.middleware.request_id import RequestIdMiddleware
from app.openapi.application import DocumentedApp
from app.openapi.introduction import DESCRIPTION, TAGS
from app.page.serve import add_page
from app.retention import Retention
from app.routes import aliases, counts, files, findings, generate, health, jobs, models, perplexity, probability
from app.routes import next as next_token
from app.routes.checkpoints import export
from app.routes.checkpoints import files as model_files
from app.routes.fast_path import Endpoint, FastPathMiddleware
from app.routes.openai import completions, tokenizer
from app.routes.tasks import answer, classify, embeddings, fill, pseudo_logprob, tag
from app.routes.trades import analyze, complete, heuristics, rescore
from app.service_state import ServiceState
from app.storage.key_usage import KeyUsage
from app.storage.replication.object_store import ObjectStore
from app.storage.replication.replica import Replica
from app.storage.replication.shared_files import SHARE_SECONDS
from app.stores import Stores
from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.hash_cache import VerifiedHashes
from models.checkpoint.load import Checkpoint, load
from models.checkpoint.private_copies import PrivateCopies
from models.tokenization.tokenizer import Tokenizer

SWEEP_SECONDS = 60.0
"""Pause between two looks for what is to be deleted: copies of files, and what the settings keep no longer."""

FAST_PATH_ENDPOINTS: dict[str, Endpoint] = {
    "next": next_token.predict_next,
    "probability": probability.score_probability,
    "rescore": rescore.rescore,
    "generate": generate.generate,
    "counts": counts.count_ngrams,
    "classify": classify.classify_texts,
    "tag": tag.tag,
    "fill": fill.fill_blanks,
    "answer": answer.answer_questions,
    "pseudo_logprob": pseudo_logprob.score_pseudo_logprob,
    "analyze": analyze.analyze,
    "complete": complete.complete_typed,
}

FAST_PATHS: dict[str, Endpoint] = {
    EMBEDDINGS_PATH: embeddings.embed_with_model,
    COMPLETIONS_PATH: completions.complete_with_model,
}


def create_app(settings: Settings) -> FastAPI:
    """Build the service of these settings. Models load and threads run from its start-up to its shutdown."""
    app = DocumentedApp(
        title="Nextword",
        version=version("nextword"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,  # to whatever the request's Host says
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours are at /metrics
    )
    families = FAMILIES_BY_PRECISION[settings.precision]
    verified_hashes = VerifiedHashes(settings.verified_hashes)
    copies = PrivateCopies(settings.data / "weights", verified_hashes)
    verifier = verified_hashes if settings.map_in_place else copies
    tokenizers = WeakValueDictionary[str, Tokenizer]()  # shared by models with equal files
    app.state.settings = settings
    app.state.tracing = open_tracing(settings.otlp_endpoint, "nextword")

    def load_model(path: Path) -> Checkpoint:
        find_loaded = registry.loaded_checkpoint
        checkpoint = load(
            path, verified_hashes=verifier, families=families, find_loaded=find_loaded, tokenizers=tokenizers
        )
        return warm_up(checkpoint)

    limits = MemoryLimits(
        settings.preload_models,
        memory_quota() // 2 if settings.model_memory_bytes is None else settings.model_memory_bytes,
        split_models(settings.pinned_models),
    )
    app.state.registry = registry = ModelRegistry(settings.checkpoints, load_model, limits, families)
    app.state.folder_watch = FolderWatch(settings.checkpoints, settings.reload_seconds)
    app.state.copies, app.state.verifier = copies, verifier
    app.state.metrics = Metrics()
    app.state.replica = (
        None
        if settings.store is None
        else Replica(ObjectStore(settings.store), settings.checkpoints, app.state.metrics.count_replication)
    )
    app.state.background = BackgroundTasks(app.state.metrics.count_background_failure)
    app.state.in_flight = InFlightRequests(settings)
    app.state.engine = Engine(
        settings, partial(_count_tokens, app.state.metrics), app.state.metrics.observe_text, app.state.background
    )
    app.state.stores = Stores.open(settings)
    app.state.stopping = threading.Event()
    app.state.job_watch = JobWatch(app.state.stores.jobs, app.state.stopping.is_set)
    app.state.find_queue = partial(_find_queue, app)
    _add_gauges(app)
    _add_middleware(app)
    add_error_handlers(app)
    add_swagger_ui(app)
    for resource in (
        models,
        model_files,
        counts,
        export,
        next_token,
        probability,
        perplexity,
        rescore,
        generate,
        completions,
        tokenizer,
        heuristics,
    ):
        app.routes.extend(resource.router.routes)
    for task in (classify, tag, fill, pseudo_logprob, answer, embeddings, analyze, complete):
        app.routes.extend(task.router.routes)
    for resource in (files, jobs, aliases, findings):
        app.routes.extend(resource.router.routes)
    app.routes.extend(models.prefixed_router.routes)
    app.routes.extend(health.router.routes)
    add_page(app)  # last, so that no request to the API is compared with its paths
    return app


def _add_middleware(app: FastAPI) -> None:
    """Surround the routes, from the inside out."""
    settings = app.state.settings
    app.add_middleware(FastPathMiddleware, routes=FAST_PATH_ENDPOINTS, paths=FAST_PATHS)
    app.add_middleware(BodyLimitMiddleware, settings=settings, in_flight=app.state.in_flight)
    app.add_middleware(
        AdmissionMiddleware,
        settings=settings,
        in_flight=app.state.in_flight,
        metrics=app.state.metrics,
        find_queue=app.state.find_queue,
    )
    stores: Stores = app.state.stores
    usage = KeyUsage(stores.database)
    app.add_middleware(AccessMiddleware, settings=settings, keys=stores.keys, usage=usage, metrics=app.state.metrics)
    if origins := split_origins(settings.cors_origins):
        app.add_middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=["*"]
        )
    app.add_middleware(BrowserMiddleware, settings=settings)
    app.add_middleware(RequestIdMiddleware, log=RequestLog(settings.log_prompts), tracing=app.state.tracing)


def _count_tokens(metrics: Metrics, kind: str, tokens: int) -> None:
    """Count tokens, of all requests and of the one that is served."""
    metrics.count_tokens(kind, tokens)
    count_request_tokens(kind, tokens)


def _find_queue(app: FastAPI, name: str) -> WorkQueue | None:
    """Return the queue in which work of a model has to wait; None for models that run inline."""
    snapshot = app.state.registry.snapshot
    published = snapshot.by_name.get(app.state.stores.aliases.resolve(name))
    served = snapshot.loaded.get(published.id) if published else None
    model = served.checkpoint.model if served else None
    return app.state.engine.queue_for(model) if model and not model.runs_inline else None


def _add_gauges(app: FastAPI) -> None:
    engine, in_flight, gauge = app.state.engine, app.state.in_flight, app.state.metrics.add_gauge
    gauge("nextword_requests_under_way", "Requests let in and not answered to their end.", lambda: len(in_flight))
    failing = app.state.background.failing
    gauge("nextword_background_failing", "Background tasks whose last try failed.", lambda: len(failing))
    gauge("nextword_pending_bytes", "Bytes of bodies that requests under way hold.", lambda: in_flight.buffered_bytes)
    gauge("nextword_running_texts", "Texts that get a token at every step.", lambda: engine.running)
    gauge("nextword_waiting_texts", "Texts that wait to be run.", lambda: engine.waiting)
    for name, queue in engine.queues.items():
        places, tokens = partial(getattr, queue, "texts"), partial(getattr, queue, "tokens")
        gauge(f"nextword_{name}_places", f"Places taken in the line of {name} models.", places)
        gauge(f"nextword_{name}_pending_tokens", "Tokens to be done in that line.", tokens)
    counter = app.state.metrics.add_counter
    registry: ModelRegistry = app.state.registry
    gauge("nextword_loaded_bytes", "Memory of the models that are loaded, about.", lambda: registry.loaded_bytes)
    counter("nextword_model_loads", "How often a model was loaded into memory.", lambda: registry.loads)
    counter("nextword_model_evictions", "Models let go to make room for others.", lambda: registry.evictions)
    counter("nextword_decode_steps", "Steps that gave each running text a token.", lambda: engine.decode_steps)
    caches = partial(getattr, engine, "prefix_caches")
    for name, description in (
        ("hits", "Prompts of which a part had been read before."),
        ("misses", "Prompts of which no part had been."),
        ("cached_tokens", "Tokens of prompts that did not have to be read again."),
    ):
        counter(f"nextword_prefix_cache_{name}", description, partial(_sum_of, caches, name))
    app.state.metrics.add_state(ServiceState(app.state.registry, app.state.stores.jobs))


def _sum_of(things: Callable[[], Iterable[object]], name: str) -> int:
    return sum(getattr(thing, name) for thing in things())


def sweep_copies(app: FastAPI) -> None:
    """Remove copies of files that no published model has any more, once all are loaded."""
    snapshot = app.state.registry.snapshot
    if app.state.registry.has_scanned and not snapshot.loading:
        app.state.copies.sweep({file.sha256 for model in snapshot.models for file in model.card.files.values()})


def _share_files(stores: Stores) -> None:
    """Put uploaded files into the object store that it lacks, once the database has answered."""
    if stores.is_prepared:
        stores.files.share_missing()


def _sweep_retention(app: FastAPI) -> None:
    """Delete what the settings keep no longer, once the tables are there."""
    stores: Stores = app.state.stores
    count = app.state.metrics.count_deletion
    if stores.is_prepared:
        Retention(app.state.settings, stores, app.state.registry, count, stores.database.now).sweep()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.engine.start()
    stores: Stores = app.state.stores
    repeat, seconds = app.state.background.repeat, app.state.settings.reload_seconds
    in_flight, repeat_here = app.state.in_flight, app.state.background.repeat_here
    repeat_after = app.state.background.repeat_after
    watchers = [
        asyncio.create_task(repeat_here("bodies", in_flight.end_stalled, in_flight.look_seconds)),
        asyncio.create_task(repeat_after("models", app.state.registry.refresh, app.state.folder_watch.changed)),
        asyncio.create_task(repeat("copies", partial(sweep_copies, app), SWEEP_SECONDS)),
        asyncio.create_task(repeat("retention", partial(_sweep_retention, app), SWEEP_SECONDS)),
        asyncio.create_task(repeat("database", stores.refresh, seconds)),
        asyncio.create_task(repeat("API keys", stores.keys.refresh, seconds)),
    ]
    if app.state.replica is not None:
        pause = app.state.settings.store_seconds
        watchers.append(asyncio.create_task(repeat("object store", app.state.replica.sync, pause)))
        watchers.append(asyncio.create_task(repeat("files", partial(_share_files, stores), SHARE_SECONDS)))
    if app.state.metrics.shared_folder:  # other processes tell ours
        watchers.append(asyncio.create_task(repeat("metrics", app.state.metrics.refresh, seconds)))
    try:
        with suppress(DatabaseUnavailable):  # until it answers, nobody is let in
            await asyncio.to_thread(stores.keys.refresh)
        yield
    finally:
        await _stop(app, watchers)


async def _stop(app: FastAPI, watchers: Sequence[asyncio.Task[None]]) -> None:
    """End what `_lifespan` has begun."""
    app.state.stopping.set()
    app.state.folder_watch.close()
    app.state.registry.close()
    for watcher in watchers:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
    await asyncio.to_thread(app.state.engine.stop)
    await asyncio.to_thread(app.state.stores.database.close)
    if app.state.tracing is not None:
        await asyncio.to_thread(app.state.tracing.close)
