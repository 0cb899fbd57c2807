"""The API key of a request, for routes that count what a key has."""

from __future__ import annotations

from fastapi import Request

from app.core.api_keys import ApiKey


def api_key_of(request: Request) -> ApiKey | None:
    """Return the key that a request came with; None where no key was asked for."""
    key: ApiKey | None = request.scope["state"].get("api_key")
    return key
