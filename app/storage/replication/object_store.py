"""Published models in an object store.

An object is called `<name>/<version>/<file>`, as in the folder of published models. A card comes last, so what has one
is complete. Object stores cannot rename, so whoever publishes first claims the version by an object that can be created
once: two machines never write the files of one version side by side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from app.storage.replication.objects import Objects
from app.storage.replication.source import SourceError
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.card_fields import MAX_CARD_BYTES
from models.checkpoint.model_name import NAME, VERSION, parse_model, parse_version
from models.checkpoint.repository import DELETED_CARD_FILE
from models.errors import CheckpointExists, CheckpointNotFound

CLAIM_FILE = "claim"
"""Object with the hash of the card of whoever publishes a version."""


class ObjectStore:
    """Models in an object store. Methods raise SourceError where it does not answer."""

    def __init__(self, url: str) -> None:
        """Open the store at `url`, such as `s3://bucket/models`. Raises InvalidInput."""
        self.url = url
        self._objects = Objects(url)

    def states(self) -> tuple[dict[str, str], set[str]]:
        """Return the published models, each with a tag of its card, and those that were deleted."""
        cards = self._cards()
        published = {model: tag for model, (file, tag) in cards.items() if file == CARD_FILE}
        return published, cards.keys() - published.keys()

    def find(self, model: str) -> str:
        """Return the `name@version` that a model means, `name` being its newest. Raises CheckpointNotFound."""
        name, version = parse_model(model)
        versions = [number for known, number in map(parse_version, self.states()[0]) if known == name]
        if version not in (None, *versions) or not versions:
            raise CheckpointNotFound(f"there is no {model} in {self.url}")
        return f"{name}@{version or max(versions)}"

    def card(self, model: str) -> bytes:
        """Return the card of `name@version`. Raises CheckpointNotFound where there is none."""
        with self.read(model, CARD_FILE, 0) as pieces:
            content = b""
            for piece in pieces:
                content += piece
                if len(content) > MAX_CARD_BYTES:
                    raise SourceError(f"{model}: its card is longer than {MAX_CARD_BYTES} bytes")
            return content

    def read(self, model: str, file: str, offset: int) -> AbstractContextManager[Iterator[bytes]]:
        """Open a file of `name@version` at a byte; its pieces end early where the connection breaks."""
        return self._objects.read(_path(model, file), offset)

    def push(self, folder: Path, model: str) -> bool:
        """Publish the model in `folder` as `name@version`; returns False where it is there already.

        Raises CheckpointExists where another model is, or was, published there under that name and version.
        """
        content = (folder / CARD_FILE).read_bytes()
        claim = hashlib.sha256(content).hexdigest().encode()
        if not self._create(model, CLAIM_FILE, claim) and self._objects.content(_path(model, CLAIM_FILE)) != claim:
            raise CheckpointExists(f"{model} is another model in {self.url}")
        there = {path.rpartition("/")[2] for path, _ in self._objects.list(model.replace("@", "/"))}
        if not there.isdisjoint((CARD_FILE, DELETED_CARD_FILE)):
            return False
        for file in Card.read(folder / CARD_FILE).files:
            self._objects.put(_path(model, file), folder / file)
        self._create(model, CARD_FILE, content)
        return True

    def delete(self, model: str) -> None:
        """Delete a model; its card stays under another name, which reserves the number."""
        content = self._objects.content(_path(model, CARD_FILE))
        self._create(model, DELETED_CARD_FILE, content)
        self._objects.delete(_path(model, CARD_FILE))
        for path, _ in self._objects.list(model.replace("@", "/")):
            if path.rpartition("/")[2] not in (CLAIM_FILE, DELETED_CARD_FILE):
                self._objects.delete(path)

    def _cards(self) -> dict[str, tuple[str, str]]:
        """Return the name and the tag of the card of each model, the deleted one before the other."""
        cards: dict[str, tuple[str, str]] = {}
        for path, tag in self._objects.list():
            name, version, file = (*path.split("/"), "", "")[:3]
            is_card = file in (CARD_FILE, DELETED_CARD_FILE) and NAME.fullmatch(name) and VERSION.fullmatch(version)
            if is_card and cards.get(f"{name}@{version}", ("", ""))[0] != DELETED_CARD_FILE:
                cards[f"{name}@{version}"] = file, tag
        return cards

    def _create(self, model: str, file: str, content: bytes) -> bool:
        """Create an object unless it is there; returns whether it was created."""
        return self._objects.create(_path(model, file), content)


def _path(model: str, file: str) -> str:
    return f"{model.replace('@', '/')}/{file}"
