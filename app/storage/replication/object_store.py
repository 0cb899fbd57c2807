"""Published models in an object store.

An object is called `<name>/<version>/<file>`, as in the folder of published models. A card comes last, so what has one
is complete. Object stores cannot rename, and have one other way to decide between two writers: an object that can be
created once. Whoever publishes first claims the version by such an object, so that two machines never write the files
of one version side by side; and the card is another, so that a version is either published or, by an empty card, given
up for good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from app.storage.replication.objects import ListedObject, Objects
from app.storage.replication.source import SourceError
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.card_fields import MAX_CARD_BYTES
from models.checkpoint.model_name import NAME, VERSION, parse_model, parse_version
from models.checkpoint.repository import DELETED_CARD_FILE
from models.errors import CheckpointDamaged, CheckpointExists, CheckpointNotFound

CLAIM_FILE = "claim"
"""Object with the hash of the card of whoever publishes a version, and the job that made it, if any."""
NO_CARD = b""
"""Card of a version that was given up."""
BROKEN_AGE = timedelta(days=7)
"""Age at which publishing that broke off is given up; until then the machine that had begun may go on with it."""
SWEEP_SECONDS = 3600.0
"""Pause between two looks for such publishing."""


class ObjectStore:
    """Models in an object store. Methods raise SourceError where it does not answer."""

    def __init__(self, url: str) -> None:
        """Open the store at `url`, such as `s3://bucket/models`. Raises InvalidInput."""
        self.url = url
        self._objects = Objects(url)

    def states(self) -> tuple[dict[str, str], set[str]]:
        """Return the published models, each with a tag of its card, and those that were deleted."""
        published, deleted = dict[str, str](), set[str]()
        for model, objects in self._versions():
            if DELETED_CARD_FILE in objects:
                deleted.add(model)
            elif _is_published(objects):
                published[model] = objects[CARD_FILE].tag
        return published, deleted

    def find(self, model: str) -> str:
        """Return the `name@version` that a model means, `name` being its newest. Raises CheckpointNotFound."""
        name, version = parse_model(model)
        versions = [number for known, number in map(parse_version, self.states()[0]) if known == name]
        if version not in (None, *versions) or not versions:
            raise CheckpointNotFound(f"there is no {model} in {self.url}")
        return f"{name}@{version or max(versions)}"

    def card(self, model: str) -> bytes:
        """Return the card of `name@version`. Raises CheckpointNotFound where there is none.

        Raises CheckpointDamaged where it is another than that whose hash is in the claim. Models that were copied into
        the store by other means have no claim.
        """
        with self.read(model, CARD_FILE, 0) as pieces:
            content = b""
            for piece in pieces:
                content += piece
                if len(content) > MAX_CARD_BYTES:
                    raise SourceError(f"{model}: its card is longer than {MAX_CARD_BYTES} bytes")
        if content == NO_CARD:
            raise CheckpointNotFound(f"there is no {model} in {self.url}")
        if self._claim(model)[0] not in ("", _sha256(content)):
            raise CheckpointDamaged(f"{model}: its card in {self.url} was altered")
        return content

    def read(self, model: str, file: str, offset: int) -> AbstractContextManager[Iterator[bytes]]:
        """Open a file of `name@version` at a byte; its pieces end early where the connection breaks."""
        return self._objects.read(_path(model, file), offset)

    def push(self, folder: Path, model: str) -> bool:
        """Publish the model in `folder` as `name@version`; returns False where it is there already.

        Raises CheckpointExists where another model is, or was, published there under that name and version, and where
        the version was given up.
        """
        content, card = (folder / CARD_FILE).read_bytes(), Card.read(folder / CARD_FILE)
        claim = f"{_sha256(content)} {card.provenance.job or ''}"
        if not self._create(model, CLAIM_FILE, claim.encode()) and self._claim(model)[0] != _sha256(content):
            raise CheckpointExists(f"{model} is another model in {self.url}")
        there = {found.name for found in self._objects.list(_folder(model))}
        if DELETED_CARD_FILE in there:
            return False
        if CARD_FILE not in there:
            for file in card.files:
                self._objects.put(_path(model, file), folder / file)
        is_new = self._create(model, CARD_FILE, content)
        if not is_new and self.last_card(model) != content:
            raise CheckpointExists(f"{model} was given up in {self.url}")
        return is_new

    def last_card(self, model: str) -> bytes:
        """Return the card of a version that was published, also where it is deleted; NO_CARD of any other."""
        for file in (CARD_FILE, DELETED_CARD_FILE):  # `delete` makes the second before it takes away the first
            with suppress(CheckpointNotFound):
                if content := self._objects.content(_path(model, file)):
                    return content
        return NO_CARD

    def give_up(self, model: str, job_id: str) -> bytes:
        """Bar all attempts at a job from publishing a version; returns the card where one was first.

        It may be the card of another job's model, which had the version before.
        """
        is_free = self._create(model, CLAIM_FILE, f" {job_id}".encode())
        if is_free or self._claim(model)[1] == job_id:
            return self._give_up(model)
        return self.last_card(model)

    def remove_broken(self, age: timedelta = BROKEN_AGE) -> None:
        """Give up versions that were claimed, and then nothing was written for so long.

        What was put there for them is removed; what nobody claimed may be somebody else's and stays.
        """
        before = datetime.now(UTC) - age
        for model, objects in self._versions():
            if _is_broken(objects) and max(found.changed_at for found in objects.values()) < before:
                self._give_up(model)

    def _give_up(self, model: str) -> bytes:
        """Publish NO_CARD and remove the other objects, unless a card was first; returns that."""
        self._create(model, CARD_FILE, NO_CARD)
        if card := self.last_card(model):
            return card
        leftovers = [found for found in self._objects.list(_folder(model)) if found.name != CARD_FILE]
        for found in sorted(leftovers, key=lambda found: found.name == CLAIM_FILE):  # which tells of the others, last
            self._objects.delete(found.path)
        return NO_CARD

    def delete(self, model: str) -> None:
        """Delete a model; its card stays under another name, which reserves the number."""
        content = self._objects.content(_path(model, CARD_FILE))
        self._create(model, DELETED_CARD_FILE, content)
        self._objects.delete(_path(model, CARD_FILE))
        for found in self._objects.list(_folder(model)):
            if found.name not in (CLAIM_FILE, DELETED_CARD_FILE):
                self._objects.delete(found.path)

    def _versions(self) -> Iterator[tuple[str, dict[str, ListedObject]]]:
        """Yield each `name@version` that has objects, and those by the names of their files."""
        listed = sorted(self._objects.list())  # a folder is in no order
        for (name, version), objects in groupby(listed, key=lambda found: (*found.path.split("/"), "")[:2]):
            if NAME.fullmatch(name) and VERSION.fullmatch(version):
                yield f"{name}@{version}", {found.name: found for found in objects if found.path.count("/") == 2}

    def _claim(self, model: str) -> tuple[str, str]:
        """Return the hash of the card and the job of whoever claimed a version; empty texts where not known."""
        with suppress(CheckpointNotFound):
            claim = self._objects.content(_path(model, CLAIM_FILE)).decode("ascii", "replace")
            sha256, _, job_id = claim.partition(" ")
            return sha256, job_id
        return "", ""

    def _create(self, model: str, file: str, content: bytes) -> bool:
        """Create an object unless it is there; returns whether it was created."""
        return self._objects.create(_path(model, file), content)


def _is_published(objects: dict[str, ListedObject]) -> bool:
    return CARD_FILE in objects and objects[CARD_FILE].size > 0


def _is_broken(objects: dict[str, ListedObject]) -> bool:
    """Return whether a version was begun by a claim, or given up, and has more than its empty card."""
    is_over = _is_published(objects) or DELETED_CARD_FILE in objects or objects.keys() == {CARD_FILE}
    return not is_over and not objects.keys().isdisjoint((CLAIM_FILE, CARD_FILE))


def _folder(model: str) -> str:
    return model.replace("@", "/")


def _path(model: str, file: str) -> str:
    return f"{_folder(model)}/{file}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
