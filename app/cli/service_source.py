"""Service as a source of published models, for `nextword pull`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from app.cli.http_client import ServiceClient, ServiceError
from models.checkpoint.card import CARD_FILE


class OfferedModel(NamedTuple):
    """A model that a service offers."""

    id: str
    """`name@version`."""
    card_sha256: str


class ServiceSource:
    """Models of a running service, by its routes `/v1/models/{model}/files`. Methods raise ServiceError."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    def find(self, model: str) -> OfferedModel:
        """Return what `model` means there: a name (its newest version), `name@version` or an alias."""
        answer = self._client.get(f"/v1/models/{model}/files")
        try:
            hashes = {file["name"]: file["sha256"] for file in answer["data"]}
            return OfferedModel(str(answer["model"]), str(hashes[CARD_FILE]))
        except (KeyError, TypeError):
            raise ServiceError("the service's list of files cannot be read: is it of another version?") from None

    def card(self, model: str) -> bytes:
        """Return the card of `name@version`."""
        with self._client.download(f"/v1/models/{model}/files/{CARD_FILE}") as pieces:
            return b"".join(pieces)

    def read(self, model: str, file: str, offset: int) -> AbstractContextManager[Iterator[bytes]]:
        """Open a file of `name@version` at a byte."""
        return self._client.download(f"/v1/models/{model}/files/{file}", offset)
