"""Publishing a checkpoint: a model, its tokenizer and its card, made visible by one rename.

`save` writes and checks the files under a temporary name first, so that what is visible is complete even after a crash.
The format: docs/reference/checkpoint-format.md.
"""

from __future__ import annotations

import platform
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.checkpoint.card import CARD_FILE, FORMAT_VERSION, Card, FileDigest, Provenance
from models.checkpoint.families import FAMILIES
from models.checkpoint.load import TOKENIZER_FILE, WEIGHTS_FILE, Families, load
from models.checkpoint.members import pin_member
from models.checkpoint.model_name import check_name
from models.checkpoint.repository import CheckpointRef, next_version
from models.errors import CheckpointExists, InvalidInput
from models.model import CompositeModel, FileModel, Model, Tensors
from models.tokenization.tokenizer import Tokenizer
from models.utils.files import fsync_path, rename_durably, write_tensors
from models.utils.parallel import parallel_map

_MOST_READ_BACK = 100_000
"""Size of the largest vocabulary that is read back: it takes 220 bytes a token, 500 MB for two million words."""
_PACKAGES = ("nextword", "torch", "numpy")
"""Packages whose versions a card records."""


def save(
    root: Path,
    name: str,
    model: Model,
    tokenizer: Tokenizer,
    provenance: Provenance,
    *,
    version: int | None = None,
    members: Sequence[CheckpointRef] = (),
    extra_files: Mapping[str, Tensors] | None = None,
    library: Path | None = None,
    families: Families = FAMILIES,
) -> CheckpointRef:
    """Publish a model as `<root>/<name>/<version>/`, complete or not at all.

    The files are written under a temporary name in `root`, synced, read back and checked before one rename makes them
    visible; a large vocabulary is not read back.

    Args:
        version: Number of the version; by default the next free one.
        members: The published models that a composite is made of.
        extra_files: Files of tensors that go with the model, by name.
        library: Root under which the members lie; by default `root`.
        families: Classes of models by kind, with which the files are read back.

    Raises CheckpointExists when the version is already there, InvalidInput when the name, the card or the model's
    answers are not acceptable.
    """
    check_name(name)
    _check_members(model, members)
    with _temporary_directory(root, name) as work:
        for file, tensors in (extra_files or {}).items():
            write_tensors(tensors, work / file)
        _write_files(work, model, tokenizer, provenance, members)
        # The hashes were computed by reading the files back, so there is nothing to verify.
        known = tokenizer if tokenizer.vocabulary_size > _MOST_READ_BACK else None
        load(work, verify=False, library=library or root, families=families, tokenizer=known).model.check()
        return CheckpointRef.from_path(_publish(work, root / name, version))


@contextmanager
def _temporary_directory(root: Path, name: str) -> Iterator[Path]:
    """Make a directory in `root` that no listing sees; remove it afterwards unless it was renamed."""
    root.mkdir(parents=True, exist_ok=True)
    work = root / f".{name}-{secrets.token_hex(6)}"
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _check_members(model: Model, members: Sequence[CheckpointRef]) -> None:
    """Raise InvalidInput unless there are as many published members as the model has."""
    count = len(model.members) if isinstance(model, CompositeModel) else 0
    if len(members) != count:
        raise InvalidInput("members", f"must be {count} published models, not {len(members)}")


def _write_files(
    work: Path, model: Model, tokenizer: Tokenizer, provenance: Provenance, members: Sequence[CheckpointRef]
) -> None:
    """Write tokenizer, weights and card; a composite has a card alone."""
    if not members:
        tokenizer.save(work / TOKENIZER_FILE)
        if isinstance(model, FileModel):
            shutil.copyfile(model.file, work / model.file_name)
        else:
            write_tensors(model.tensors(), work / WEIGHTS_FILE)
    card = Card(
        format=FORMAT_VERSION,
        kind=model.kind,
        config=model.config(),
        vocabulary_size=model.vocabulary_size,
        parameters=model.parameter_count,
        tokenizer=asdict(tokenizer.config),
        provenance=provenance,
        versions={"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files=_settle_files(work),
        members=tuple(pin_member(ref) for ref in members),
        normalized=model.normalized,
    )
    card.write(work / CARD_FILE)
    _settle_files(work, CARD_FILE)


def _settle_files(work: Path, pattern: str = "*") -> dict[str, FileDigest]:
    """Make files readable, and read-only, for all; sync them to disk and return their digests."""
    files = sorted(work.glob(pattern))
    digests: dict[str, FileDigest] = {}

    def sync() -> None:
        for file in files:
            # A service may run as another user, and nobody writes to what is published.
            file.chmod(work.stat().st_mode & 0o444)
            fsync_path(file)

    def digest() -> None:
        digests.update((file.name, FileDigest.of(file)) for file in files)

    parallel_map(lambda task: task(), (sync, digest))
    return digests


@cache
def _version(package: str) -> str:
    """Return the version of an installed package, whose metadata takes milliseconds to read."""
    try:
        return version(package)
    except PackageNotFoundError:  # run from its source tree
        return "unknown"


def _publish(work: Path, folder: Path, version: int | None) -> Path:
    """Rename `work` to a version in `folder`, by default the next free one.

    A rename onto a published version fails, since its directory is not empty: two processes cannot take one number.
    """
    folder.mkdir(exist_ok=True)
    while True:
        target = folder / str(version or next_version(folder))
        try:
            rename_durably(work, target)
        except OSError as error:
            if not (work.exists() and target.exists()):
                raise
            if version is not None:
                raise CheckpointExists(f"{folder.name}@{version} is already published") from error
        else:
            fsync_path(folder.parent)
            return target
