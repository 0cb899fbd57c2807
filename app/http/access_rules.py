"""Scopes that routes want of an API key: one rule, for the middleware and for the documentation.

`wanted_scopes` decides by method and path, before a route is looked for, so no route can be forgotten: whatever is not
named here wants a key.
"""

from __future__ import annotations

import re

from app.core.api_keys import SCOPES, Scope
from app.core.settings import Settings

HEALTH_PATHS = frozenset(["/health/live", "/health/ready"])
"""Paths that a container engine or a load balancer asks, without a key."""
METRICS_PATH = "/metrics"
PAGE_PATHS = frozenset(["/", "/docs", "/openapi.json"])
PAGE_ASSETS = ("/docs/assets/", "/page/")
"""Paths of the pages, and beginnings of those of their files."""
TRAIN_PATHS = ("/v1/files", "/v1/jobs")
"""Beginnings of paths that belong to training, whatever the method."""
CHANGING_METHODS = frozenset(["DELETE", "PATCH", "PUT"])
"""Methods that elsewhere change what everybody is served."""
READING_METHODS = frozenset(["GET", "HEAD"])
CATALOGUE = re.compile(r"/v1/(models|aliases|findings)(/[^/]+)?|/m/[^/]+/v1/models")
"""Paths that tell which models there are, and what was found of models."""

ANY: frozenset[Scope] = frozenset(SCOPES)
INFER: frozenset[Scope] = frozenset(["infer"])
TRAIN: frozenset[Scope] = frozenset(["train"])
ADMIN: frozenset[Scope] = frozenset(["admin"])
SCHEME = "apiKey"
"""Name of the security scheme in the OpenAPI document."""
SECURITY_SCHEMES = {
    SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, made by `nextword keys create`. A service without any key asks for none.",
    }
}
"""What the OpenAPI document says of API keys."""


def wanted_scopes(method: str, path: str) -> frozenset[Scope]:
    """Return the scopes of which an API key needs one.

    >>> sorted(wanted_scopes("POST", "/v1/jobs")), sorted(wanted_scopes("GET", "/v1/models"))
    (['train'], ['admin', 'infer', 'train'])
    """
    if path.startswith(TRAIN_PATHS):
        return TRAIN
    if method in CHANGING_METHODS:
        return ADMIN
    if method in READING_METHODS and (path == METRICS_PATH or _is_page(path) or CATALOGUE.fullmatch(path)):
        return ANY
    return INFER


def is_free(path: str, settings: Settings) -> bool:
    """Return whether a path is open to whoever asks: health, and what the settings do not guard."""
    if path in HEALTH_PATHS:
        return True
    return (path == METRICS_PATH and not settings.guard_metrics) or (_is_page(path) and not settings.guard_docs)


def _is_page(path: str) -> bool:
    return path in PAGE_PATHS or path.startswith(PAGE_ASSETS)


def security_requirement(method: str, path: str, settings: Settings) -> list[dict[str, list[Scope]]]:
    """Return the `security` of an operation in an OpenAPI document: a key, and its scope.

    >>> security_requirement("delete", "/v1/aliases/{alias}", Settings())
    [{'apiKey': ['admin']}]
    """
    if is_free(path, settings):
        return []
    wanted = wanted_scopes(method.upper(), path)
    return [{SCHEME: [] if wanted == ANY else sorted(wanted)}]
