"""Routes of aliases (/v1/aliases), and deletion of a model, which aliases can forbid."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import Path, Request
from fastapi.concurrency import run_in_threadpool

from app.core.exceptions import Conflict, DatabaseUnavailable, ModelInUse, ModelLoading, NameTaken, NotFound
from app.engine.registry.model_registry import ModelRegistry
from app.http.declared_errors import raises
from app.routes.router import resource_router
from app.schemas.models import AliasAnswer, AliasDeleted, AliasList, AliasRequest, ModelDeleted
from app.storage.aliases import Alias, AliasStore
from app.storage.published_models import delete_unused_version
from models.checkpoint.model_name import NAME, VERSION, check_name, near_names, parse_version
from models.checkpoint.repository import was_deleted
from models.errors import CheckpointError, CheckpointNotFound, InvalidInput

router = resource_router("models")
AliasName = Annotated[
    str,
    Path(
        description="The alias: 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit.",
        examples=["production"],
        json_schema_extra={"pattern": f"^{NAME.pattern}$"},
    ),
]
VersionName = Annotated[
    str,
    Path(
        description="One version of a model, as `name@version`.",
        examples=["my-model@1"],
        json_schema_extra={"pattern": f"^{NAME.pattern}@{VERSION.pattern}$"},
    ),
]


@router.get("/v1/aliases", response_model=AliasList, summary="List the aliases")
@raises(DatabaseUnavailable)
async def list_aliases(request: Request) -> dict[str, Any]:
    """List all aliases with the models that they refer to."""
    aliases = _alias_store(request).read_snapshot()
    return {"object": "list", "data": [_alias_content(aliases[name]) for name in sorted(aliases)], "has_more": False}


@router.get("/v1/aliases/{alias}", response_model=AliasAnswer, summary="Describe an alias")
@raises(NotFound, DatabaseUnavailable)
async def describe_alias(request: Request, alias: AliasName) -> dict[str, Any]:
    """Return the model that an alias refers to."""
    entry = _alias_store(request).read_snapshot().get(alias)
    if entry is None:
        raise NotFound(f"there is no alias {alias!r}")
    return _alias_content(entry)


@router.put("/v1/aliases/{alias}", response_model=AliasAnswer, summary="Set an alias")
@raises(NameTaken, ModelLoading, DatabaseUnavailable)
def set_alias(request: Request, alias: AliasName, body: AliasRequest) -> dict[str, Any]:
    """Point `alias` to one version of a model, for all requests from now on.

    To roll back, point it to the version before.
    """
    registry: ModelRegistry = request.app.state.registry
    check_name(alias)

    def check() -> None:
        if alias in registry.snapshot.names:
            raise NameTaken(f"there is a model named {alias!r}; an alias needs a name of its own")
        _check_served(registry, request.app.state.settings.checkpoints, body.model)

    name, version = parse_version(body.model)
    check()
    return _alias_content(_alias_store(request).put(alias, name, version, check))


@router.delete("/v1/aliases/{alias}", response_model=AliasDeleted, summary="Delete an alias")
@raises(NotFound, DatabaseUnavailable)
def delete_alias(request: Request, alias: AliasName) -> dict[str, Any]:
    """Delete an alias; the model stays."""
    _alias_store(request).delete(alias)
    return {"id": alias, "object": "alias", "deleted": True}


@router.delete("/v1/models/{model}", response_model=ModelDeleted, summary="Delete a model")
@raises(CheckpointNotFound, Conflict, ModelInUse, DatabaseUnavailable)
async def delete_model(request: Request, model: VersionName) -> dict[str, Any]:
    """Delete one version for good, usable or not, unless an alias or a mixture refers to it.

    Its number is never used again.
    """
    registry: ModelRegistry = request.app.state.registry
    name, version = parse_version(model)
    root = request.app.state.settings.checkpoints
    remove = partial(delete_unused_version, root, name, version)
    await run_in_threadpool(_alias_store(request).run_unless_aliased, name, version, remove)
    registry.withdraw(model)
    return {"id": model, "object": "model", "deleted": True}


def _check_served(registry: ModelRegistry, root: FilePath, model: str) -> None:
    """Raise ModelLoading for a version that may be served soon, InvalidInput for another one that is not."""
    with suppress(CheckpointError):
        registry.find(model)
        if not was_deleted(root, model):  # by another process
            return
    known = near_names(model, [published.id for published in registry.snapshot.models])
    raise InvalidInput("model", f"must be one version of a model that is served, as name@version; {known}")


def _alias_store(request: Request) -> AliasStore:
    aliases: AliasStore = request.app.state.stores.aliases
    return aliases


def _alias_content(alias: Alias) -> dict[str, Any]:
    return {"id": alias.alias, "object": "alias", "model": alias.model, "updated_at": int(alias.updated_at)}
