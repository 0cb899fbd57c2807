"""Published models in an object store (S3, Google Cloud Storage, Azure, a folder), through `obstore`.

An object is called `<name>/<version>/<file>`, as in the folder of published models. A card comes last, so what has one
is complete. Object stores cannot rename, so whoever publishes first claims the version by an object that can be created
once: two machines never write the files of one version side by side.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.core.settings import STORE_URL
from app.storage.replication.source import SourceError
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.card_fields import MAX_CARD_BYTES
from models.checkpoint.model_name import NAME, VERSION, parse_model, parse_version
from models.checkpoint.repository import DELETED_CARD_FILE
from models.errors import CheckpointExists, CheckpointNotFound, InvalidInput

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Store

logger = logging.getLogger(__name__)
CLAIM_FILE = "claim"
"""Object with the hash of the card of whoever publishes a version."""
_PIECE_BYTES = 1 << 20


class ObjectStore:
    """Models in an object store. Methods raise SourceError where it does not answer."""

    def __init__(self, url: str) -> None:
        """Open the store at `url`, such as `s3://bucket/models`. Raises InvalidInput."""
        if not STORE_URL.fullmatch(url):
            accepted = "s3://bucket/models, gs://bucket/models, az://account/container/models or file:///models"
            raise InvalidInput("store", f"must be as {accepted}, not {url!r:.80}")
        self.url = url
        self._api, self._store = _open(url)

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

    @contextmanager
    def read(self, model: str, file: str, offset: int) -> Iterator[Iterator[bytes]]:
        """Open a file of `name@version` at a byte; its pieces end early where the connection breaks."""
        with self._telling(model):
            options = {"range": {"offset": offset}} if offset else {}
            answer = self._api.get(self._store, _path(model, file), options=options)
        yield self._pieces(answer)

    def _pieces(self, answer: Any) -> Iterator[bytes]:
        with suppress(self._api.exceptions.BaseError):
            yield from map(bytes, answer.stream(min_chunk_size=_PIECE_BYTES))

    def push(self, folder: Path, model: str) -> bool:
        """Publish the model in `folder` as `name@version`; returns False where it is there already.

        Raises CheckpointExists where another model is, or was, published there under that name and version.
        """
        content = (folder / CARD_FILE).read_bytes()
        claim = hashlib.sha256(content).hexdigest().encode()
        with self._telling(model):
            if not self._create(model, CLAIM_FILE, claim) and self._content(model, CLAIM_FILE) != claim:
                raise CheckpointExists(f"{model} is another model in {self.url}")
            there = {path.rpartition("/")[2] for path, _ in self._list(model.replace("@", "/"))}
            if not there.isdisjoint((CARD_FILE, DELETED_CARD_FILE)):
                return False
            for file in Card.read(folder / CARD_FILE).files:
                self._api.put(self._store, _path(model, file), folder / file)
            self._create(model, CARD_FILE, content)
        return True

    def delete(self, model: str) -> None:
        """Delete a model; its card stays under another name, which reserves the number."""
        with self._telling(model):
            content = self._content(model, CARD_FILE)
            self._create(model, DELETED_CARD_FILE, content)
            self._api.delete(self._store, _path(model, CARD_FILE))
            for path, _ in self._list(model.replace("@", "/")):
                if path.rpartition("/")[2] not in (CLAIM_FILE, DELETED_CARD_FILE):
                    self._api.delete(self._store, path)

    def _cards(self) -> dict[str, tuple[str, str]]:
        """Return the name and the tag of the card of each model, the deleted one before the other."""
        cards: dict[str, tuple[str, str]] = {}
        with self._telling("the list of models"):
            for path, tag in self._list(""):
                name, version, file = (*path.split("/"), "", "")[:3]
                is_card = file in (CARD_FILE, DELETED_CARD_FILE) and NAME.fullmatch(name) and VERSION.fullmatch(version)
                if is_card and cards.get(f"{name}@{version}", ("", ""))[0] != DELETED_CARD_FILE:
                    cards[f"{name}@{version}"] = file, tag
        return cards

    def _list(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield path and tag of each object below a prefix."""
        for some in self._api.list(self._store, prefix=prefix or None):
            for meta in some:
                yield str(meta["path"]), str(meta["e_tag"])

    def _content(self, model: str, file: str) -> bytes:
        return bytes(self._api.get(self._store, _path(model, file)).bytes())

    def _create(self, model: str, file: str, content: bytes) -> bool:
        """Create an object unless it is there; returns whether it was created."""
        try:
            self._api.put(self._store, _path(model, file), content, mode="create", use_multipart=False)
        except self._api.exceptions.AlreadyExistsError:
            return False
        return True

    @contextmanager
    def _telling(self, model: str) -> Iterator[None]:
        """Raise our errors for those of the library."""
        try:
            yield
        except FileNotFoundError:
            raise CheckpointNotFound(f"there is no {model} in {self.url}") from None
        except (self._api.exceptions.BaseError, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise SourceError(f"{self.url}: {model}: {reason:.300}") from error


def _path(model: str, file: str) -> str:
    return f"{model.replace('@', '/')}/{file}"


def _open(url: str) -> tuple[Any, Store]:
    """Return the library and the store. Raises InvalidInput where either is not to be had."""
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError:
        raise InvalidInput("store", "needs obstore: pip install 'nextword[store]'") from None
    try:
        options: dict[str, Any] = {"mkdir": True} if url.startswith("file:") else {}
        return obstore, obstore.store.from_url(url, **options)
    except (obstore.exceptions.BaseError, ValueError, OSError) as error:
        raise InvalidInput("store", f"cannot be opened: {str(error).partition(chr(10))[0]:.200}") from None
