"""Fetching of a published model: copied, verified, continued after a break, published by a rename.

What has come lies in a hidden folder beside the models, named by the hash of the card: a second try finds it there and
asks for the rest alone. A folder that nobody continues for a day is removed by `remove_stale_staging`.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core.exceptions import Conflict, DiskFull
from app.storage.replication.source import ModelSource, SourceError
from models.checkpoint.card import CARD_FILE, Card, FileDigest
from models.checkpoint.card_fields import MAX_CARD_BYTES
from models.checkpoint.model_name import parse_version
from models.checkpoint.repository import DELETED_CARD_FILE, version_folder
from models.errors import CheckpointDamaged, CheckpointExists
from models.utils.files import fsync_path, rename_durably

Report = Callable[[str, str, int, int], None]
"""Told of a model, a file of it, the bytes that have come and the bytes in all."""


def fetch_model(
    source: ModelSource, root: Path, model: str, report: Report = lambda *_: None, card_sha256: str | None = None
) -> bool:
    """Copy `name@version`, and the models that it is made of, from `source` to `root`.

    card_sha256: the hash that its card must have, where that is known. Returns whether it was copied; False where it is
    there.

    Raises CheckpointExists where another model has that name and version, Conflict where one had it and was deleted,
    CheckpointDamaged where what came is not what the card says, and SourceError.
    """
    content = source.card(model)
    if len(content) > MAX_CARD_BYTES or card_sha256 not in (None, _sha256(content)):
        raise CheckpointDamaged(f"{model}: its card is not the one that was named")
    name, version = parse_version(model)
    target = version_folder(root, name, version)
    if is_there(target, _sha256(content)):
        return False
    root.mkdir(parents=True, exist_ok=True)
    with _staging(root / f".{name}-{_sha256(content)[:12]}") as staging:
        (staging / CARD_FILE).unlink(missing_ok=True)  # what an earlier try left may be half a card
        (staging / CARD_FILE).write_bytes(content)
        card = Card.read(staging / CARD_FILE)
        _check_room(staging, card, model)
        for member in card.members:
            fetch_model(source, root, member.model, report, member.sha256)
        for file, digest in card.files.items():
            _fetch_file(source, model, staging / file, digest, report)
        _publish(staging, target)
    return True


def is_there(target: Path, card_sha256: str) -> bool:
    """Return whether a version's folder holds the model with this card; False where it holds none.

    Raises CheckpointExists where it holds another, and Conflict where one was deleted: its number is not used again.
    """
    model = f"{target.parent.name}@{target.name}"
    if (target / DELETED_CARD_FILE).exists():
        raise Conflict(f"{model} was deleted here: its number is not used again")
    if not (target / CARD_FILE).exists():
        return False
    if FileDigest.of(target / CARD_FILE).sha256 != card_sha256:
        raise CheckpointExists(f"{model} is another model here")
    return True


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Make a folder, or go on with the one of an earlier try, and keep others from it.

    Raises Conflict where another process is copying the same model.
    """
    folder.mkdir(exist_ok=True)
    os.utime(folder)  # its age says when somebody last went on with it
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, folder)
        yield folder
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    """Lock a folder that is still there. Raises Conflict otherwise."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder.stat()
    except (BlockingIOError, FileNotFoundError):
        raise Conflict(f"another process is copying {folder.name[1:-13]} at this moment") from None


def _check_room(staging: Path, card: Card, model: str) -> None:
    """Raise DiskFull, with the figure, where the disk has no room for what has not come yet."""
    wanted = sum(digest.size for digest in card.files.values()) - sum(file.stat().st_size for file in staging.iterdir())
    if wanted > (free := shutil.disk_usage(staging).free):
        raise DiskFull(f"{model} needs {wanted / 1e6:.0f} MB more, and there are {free / 1e6:.0f} MB")


def _fetch_file(source: ModelSource, model: str, path: Path, digest: FileDigest, report: Report) -> None:
    """Copy what `path` lacks of a file; forget it, and raise CheckpointDamaged, unless it has its hash."""
    if path.name in (CARD_FILE, DELETED_CARD_FILE):
        raise CheckpointDamaged(f"{model}: its card lists {path.name} among the other files")
    path.touch()
    while (done := path.stat().st_size) < digest.size:
        _append(source, model, path, digest.size, report)
        if path.stat().st_size == done:  # as long as each try brings something, there is another
            raise SourceError(f"{model}: {path.name} breaks off after {done} of {digest.size} bytes; try again later")
    # Read back from the disk: this is what will be served.
    if done > digest.size or FileDigest.of(path) != digest:
        path.unlink()
        raise CheckpointDamaged(f"{model}: {path.name} has not come as its card says: altered there or on the way")


def _append(source: ModelSource, model: str, path: Path, size: int, report: Report) -> None:
    """Add to a file what one try brings, and never much more than `size` bytes in all."""
    with path.open("ab") as file, source.read(model, path.name, file.tell()) as pieces:
        for piece in pieces:
            file.write(piece)
            report(model, path.name, file.tell(), size)
            if file.tell() > size:
                break


def _publish(staging: Path, target: Path) -> None:
    """Sync and protect the files, and rename their folder; the first of two processes wins."""
    target.parent.mkdir(exist_ok=True)
    for file in staging.iterdir():
        file.chmod(staging.stat().st_mode & 0o444)  # as `save` does
        fsync_path(file)
    try:
        rename_durably(staging, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        is_there(target, FileDigest.of(staging / CARD_FILE).sha256)  # raises where it is another model
    fsync_path(target.parent.parent)
