"""Source of published models: another service or an object store, as `fetch` sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from app.core.exceptions import StoreUnavailable


class SourceError(StoreUnavailable):
    """A source of models does not answer, or not with what was asked for."""


class ModelSource(Protocol):
    """A place that models are copied from. Methods raise SourceError or CheckpointNotFound."""

    def card(self, model: str) -> bytes:
        """Return the card of `name@version`, as it lies on disk there."""

    def read(self, model: str, file: str, offset: int) -> AbstractContextManager[Iterator[bytes]]:
        """Open a file of `name@version` at a byte; yields its pieces from there to its end."""
