"""Service as a source of published models, for `nextword pull`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

from app.cli.http_client import ServiceClient, ServiceError
from models.checkpoint.card import CARD_FILE


class ServiceSource:
    """Models of a running service, by its routes `/v1/models/{model}/files`. Methods raise ServiceError."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client
        self._card_hashes: dict[str, str] = {}

    def find(self, model: str) -> str:
        """Return the `name@version` that a name (its newest version), `name@version` or an alias means there."""
        answer = self._client.get(f"/v1/models/{model}/files")
        try:
            self._card_hashes[answer["model"]] = answer["data"][0]["sha256"]
            return str(answer["model"])
        except (LookupError, TypeError):
            raise ServiceError("the service's list of files cannot be read: is it of another version?") from None

    def card(self, model: str) -> bytes:
        """Return the card of `name@version`, compared with its hash where `find` has found it."""
        with self._client.download(f"/v1/models/{model}/files/{CARD_FILE}") as pieces:
            content = b"".join(pieces)
        if hashlib.sha256(content).hexdigest() != self._card_hashes.get(model, hashlib.sha256(content).hexdigest()):
            raise ServiceError(f"the card of {model} has not come as it is there; try again")
        return content

    def read(self, model: str, file: str, offset: int) -> AbstractContextManager[Iterator[bytes]]:
        """Open a file of `name@version` at a byte."""
        return self._client.download(f"/v1/models/{model}/files/{file}", offset)
