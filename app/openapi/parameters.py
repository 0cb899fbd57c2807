"""Headers that every route accepts since the middleware reads them."""

from __future__ import annotations

from typing import Any

from app.core.settings import Settings
from app.middleware.admission import ALWAYS_ADMITTED, TIMEOUT_HEADER


def shared_parameters(path: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the OpenAPI parameters that requests to `path` may have whatever its route."""
    return [] if path.startswith(ALWAYS_ADMITTED) else [_timeout_parameter(settings)]


def _timeout_parameter(settings: Settings) -> dict[str, Any]:
    longest = int(1e3 * settings.max_request_seconds)
    return {
        "name": TIMEOUT_HEADER.decode(),
        "in": "header",
        "description": "How many milliseconds the request may take; then it is stopped and answered with status 504, a "
        "stream with an error in place of the rest. Unset: as long as the service's settings allow.",
        "schema": {"type": "integer", "minimum": 1, "maximum": longest},
    }
