"""Routes that list models (/v1/models), describe one, and page through its vocabulary."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request

from app.engine.model_registry import ServedModel, Snapshot
from app.http.responses import OrjsonResponse
from app.routes.dependencies import InjectedModelRequest
from app.schemas.models import ModelDetail, ModelList, Vocabulary, VocabularyQuery
from app.schemas.tokens import token_content
from models.inference.prefix_cache import PrefixCache
from models.model import Model
from models.special_tokens import EOS
from models.state import State
from models.tasks.classification.classifier import TextClassifier
from models.tasks.tagging.tagger import Tagger

router = APIRouter(prefix="/v1/models", tags=["models"])
prefixed_router = APIRouter(prefix="/m/{model}/v1/models", tags=["models"])
"""Routes for clients that name no model, or that ask at their base address which there are."""


@router.get("", response_model=ModelList, summary="List the models")
async def list_models(request: Request) -> OrjsonResponse:
    """List the served models, and those that are being loaded or cannot be used."""
    snapshot = request.app.state.registry.snapshot
    return OrjsonResponse(
        {
            "object": "list",
            "data": [_summary(served, _is_newest(served, snapshot)) for served in snapshot.models],
            "has_more": False,
            "loading": list(snapshot.loading),
            "problems": [{"id": name, "message": message} for name, message in sorted(snapshot.problems.items())],
        }
    )


@router.get("/{model}", response_model=ModelDetail, summary="Describe a model")
async def describe_model(request: InjectedModelRequest) -> OrjsonResponse:
    """Describe a model by its card: what it is, what it was made from and how good it is."""
    newest = _is_newest(request.served, request.http_request.app.state.registry.snapshot)
    card = asdict(request.checkpoint.card)
    details = {
        "labels": _labels(request.checkpoint.model),
        "metrics": card["provenance"]["metrics"],
        "card": card,
        "prefix_cache": _prefix_cache_figures(request.runtime.prefix_cache),
    }
    return OrjsonResponse(_summary(request.served, newest) | details)


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
async def list_one_model(request: InjectedModelRequest) -> OrjsonResponse:
    """List one model, in the shape of the list of all."""
    newest = _is_newest(request.served, request.http_request.app.state.registry.snapshot)
    data = [_summary(request.served, newest)]
    return OrjsonResponse({"object": "list", "data": data, "has_more": False, "loading": [], "problems": []})


def _labels(model: Model) -> list[str] | None:
    """Return the labels of a classifier or the tags of a tagger; None for other models."""
    if isinstance(model, Tagger):
        return list(model.tags)
    return list(model.labels) if isinstance(model, TextClassifier) else None


def _prefix_cache_figures(cache: PrefixCache[State] | None) -> dict[str, int] | None:
    if cache is None:
        return None
    counts = {"hits": cache.hits, "misses": cache.misses, "cached_tokens": cache.cached_tokens}
    return {"prefixes": len(cache), "bytes": cache.bytes, "capacity_bytes": cache.capacity} | counts


def _is_newest(served: ServedModel, snapshot: Snapshot) -> bool:
    return snapshot.by_name.get(served.ref.name) is served


def _summary(served: ServedModel, newest: bool) -> dict[str, Any]:
    card = served.checkpoint.card
    return {
        "id": served.id,
        "object": "model",
        "created": card.created_at,
        "owned_by": "nextword",
        "name": served.ref.name,
        "version": served.ref.version,
        "newest": newest,
        "kind": card.kind,
        "capabilities": sorted(served.checkpoint.model.capabilities),
        "unit": served.checkpoint.tokenizer.config.kind,
        "vocabulary_size": card.vocabulary_size,
        "parameters": card.parameters,
        "precision": served.checkpoint.model.precision,
        "bytes": sum(facts.size for facts in card.files.values()),
        "normalized": card.normalized,
    }
