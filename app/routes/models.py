"""Routes that list models (/v1/models), describe one, and page through its vocabulary."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from fastapi import Query, Request

from app.engine.registry.snapshot import PublishedModel, Snapshot
from app.http.responses import OrjsonResponse
from app.routes.dependencies import InjectedModel, InjectedModelRequest
from app.routes.router import resource_router
from app.schemas.models import ModelDetail, ModelList, ModelsQuery, Vocabulary, VocabularyQuery
from app.schemas.tokens import token_content
from models.checkpoint.model_name import parse_model
from models.inference.prefix_cache import PrefixCache
from models.special_tokens import EOS
from models.state import State

router = resource_router("models", "/v1/models")
prefixed_router = resource_router("models", "/m/{model}/v1/models")
"""Routes for clients that name no model, or that ask at their base address which there are."""


@router.get("", response_model=ModelList, summary="List the models")
async def list_models(request: Request, query: Annotated[ModelsQuery, Query()]) -> OrjsonResponse:
    """List the models that can be asked, and those that are being loaded or cannot be used.

    All of them; with `limit`, a page by name and version.
    """
    snapshot: Snapshot = request.app.state.registry.snapshot
    rest = snapshot.models[_count_until(query.after, snapshot) :] if query.after else snapshot.models
    page = rest[: query.limit]
    return OrjsonResponse(
        {
            "object": "list",
            "data": [_summary(published, snapshot) for published in page],
            "has_more": len(rest) > len(page),
            "loading": list(snapshot.loading),
            "problems": [{"id": name, "message": message} for name, message in sorted(snapshot.problems.items())],
        }
    )


@router.get("/{model}", response_model=ModelDetail, summary="Describe a model")
async def describe_model(request: Request, published: InjectedModel) -> OrjsonResponse:
    """Describe a model by its card: what it is, what it was made from and how good it is."""
    snapshot: Snapshot = request.app.state.registry.snapshot
    card, served = asdict(published.card), snapshot.loaded.get(published.id)
    cache = request.app.state.engine.runtime_for(served.checkpoint.model).prefix_cache if served else None
    details = {
        "labels": _labels(published),
        "metrics": card["provenance"]["metrics"],
        "card": card,
        "prefix_cache": _prefix_cache_figures(cache),
    }
    return OrjsonResponse(_summary(published, snapshot) | details)


@router.get("/{model}/vocabulary", response_model=Vocabulary, summary="List a model's tokens")
async def list_vocabulary(request: InjectedModelRequest, query: Annotated[VocabularyQuery, Query()]) -> OrjsonResponse:
    """List a page of the vocabulary by id; of our own vocabularies, frequent tokens first."""
    tokenizer, names = request.checkpoint.tokenizer, request.checkpoint.tokenizer.names
    ids = tokenizer.ids_with_prefix(query.prefix) if query.prefix else np.arange(tokenizer.vocabulary_size)
    public = ids if tokenizer.public_ids is None else tokenizer.public_ids[ids]
    order = np.argsort(public)
    page = ids[order[np.searchsorted(public[order], query.after, side="right") :]]
    return OrjsonResponse(
        {
            "object": "list",
            "model": request.served.id,
            "data": [token_content(names, i) | {"special": i <= EOS} for i in page[: query.limit].tolist()],
            "has_more": len(page) > query.limit,
            "total": len(ids),
        }
    )


@prefixed_router.get("", response_model=ModelList, summary="List the model of the path")
async def list_one_model(request: Request, published: InjectedModel) -> OrjsonResponse:
    """List one model, in the shape of the list of all."""
    data = [_summary(published, request.app.state.registry.snapshot)]
    return OrjsonResponse({"object": "list", "data": data, "has_more": False, "loading": [], "problems": []})


def _count_until(model: str, snapshot: Snapshot) -> int:
    """Return how many models come before the next of `model`, which need not be there any more."""
    name, version = parse_model(model)
    last = (name, version or 0)
    return sum((published.ref.name, published.ref.version or 0) <= last for published in snapshot.models)


def _labels(published: PublishedModel) -> list[str] | None:
    """Return the labels of a classifier or the tags of a tagger; None for other models."""
    for capability, field in (("classify", "labels"), ("tag", "tags")):
        if capability in published.capabilities:
            return list(published.card.config[field])
    return None


def _prefix_cache_figures(cache: PrefixCache[State] | None) -> dict[str, int] | None:
    if cache is None:
        return None
    counts = {"hits": cache.hits, "misses": cache.misses, "cached_tokens": cache.cached_tokens}
    return {"prefixes": len(cache), "bytes": cache.bytes, "capacity_bytes": cache.capacity} | counts


def _summary(published: PublishedModel, snapshot: Snapshot) -> dict[str, Any]:
    card = published.card
    return {
        "id": published.id,
        "object": "model",
        "created": card.created_at,
        "owned_by": "nextword",
        "name": published.ref.name,
        "version": published.ref.version,
        "newest": snapshot.by_name.get(published.ref.name) is published,
        "loaded": published.id in snapshot.loaded,
        "kind": card.kind,
        "capabilities": sorted(published.capabilities),
        "unit": card.tokenizer["kind"],
        "vocabulary_size": card.vocabulary_size,
        "parameters": card.parameters,
        "precision": published.precision,
        "bytes": published.bytes,
        "normalized": card.normalized,
    }
