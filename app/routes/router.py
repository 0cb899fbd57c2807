"""Routers of resources, whose routes the application takes as they are.

FastAPI's `include_router` would build each route a second time, at the first request: 45 ms.
"""

from __future__ import annotations

from operator import attrgetter

from fastapi import APIRouter

from app.schemas.base import ErrorAnswer


def resource_router(tag: str, prefix: str = "", *, has_errors: bool = True) -> APIRouter:
    """Return the router of a resource, under `tag` in the document.

    Clients call their functions as ours are called. The document describes the body of errors once; `DocumentedApp`
    lists those that each route declares.
    """
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        responses={"default": {"model": ErrorAnswer}} if has_errors else None,
        generate_unique_id_function=attrgetter("name"),
    )
