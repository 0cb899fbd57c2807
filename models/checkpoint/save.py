"""Checkpoints on disk: a model, its tokenizer and its card, published by one rename and never changed after it.

It knows how the files of a checkpoint come about and what a model must pass to be published. How they are read again,
and when they count as damaged, `opening` knows; which checkpoint a user means, `catalogue`.
"""

from __future__ import annotations

import platform
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from models.checkpoint.card import CARD_FILE, FORMAT_VERSION, Card, FileDigest, Provenance
from models.checkpoint.families import FAMILIES
from models.checkpoint.load import TOKENIZER_FILE, WEIGHTS_FILE, Families, load
from models.checkpoint.members import pin_member
from models.checkpoint.repository import CheckpointRef, check_name, next_version
from models.composite.base import Composite
from models.errors import CheckpointExists, InvalidInput
from models.language_model import LanguageModel, Tensors
from models.tokenization.tokenizer import Tokenizer
from models.utils.files import fsync_path, rename_durably
from models.utils.parallel import parallel_map
from models.utils.tensor_file import write_tensors


def save(
    root: Path,
    name: str,
    model: LanguageModel,
    tokenizer: Tokenizer,
    provenance: Provenance,
    *,
    version: int | None = None,
    members: Sequence[CheckpointRef] = (),
    extra_files: Mapping[str, Tensors] | None = None,
    library: Path | None = None,
    families: Families = FAMILIES,
) -> CheckpointRef:
    """Publish a model as `<root>/<name>/<version>/`, complete or not at all, and return its entry.

    The files are written under a temporary name in `root`, synced, read back and probed before one rename makes them
    visible. Without a `version` the next free number is taken. `members` says where a composite's own lie, under
    `library` (without one, under `root`); `beside` are files of tensors that go with the model, by name. Raises
    CheckpointExists when the version is already there, InvalidInput when the name, the card or the model's
    distributions are not acceptable.
    """
    check_name(name)
    _check_members(model, members)
    with _workplace(root, name) as work:
        for file, tensors in (extra_files or {}).items():
            write_tensors(tensors, work / file)
        _write(work, model, tokenizer, provenance, members)
        # The hashes were taken by reading the files back: to do that twice would tell nothing more.
        check_distributions(load(work, verify=False, library=library or root, families=families).model)
        return CheckpointRef.from_path(_publish(work, root / name, version))


def check_distributions(model: LanguageModel) -> None:
    """Raise InvalidInput unless the model's distributions after a few contexts are distributions."""
    spread = np.linspace(0, model.vocabulary_size - 1, 4).astype(np.int64)
    contexts = model.advance(model.begin_state(4), np.stack([spread, spread[::-1]], 1))
    for state in (model.begin_state(1), model.null_state(1), contexts):
        sums = np.exp(model.logprobs(state), dtype=np.float64).sum(-1)
        # A log-probability may be -inf (a word never seen); NaN and +inf spoil the sum.
        if not np.allclose(sums, 1, atol=1e-3):
            raise InvalidInput("model", "its probabilities of the next token do not sum to one, so it is not published")


@contextmanager
def _workplace(root: Path, name: str) -> Iterator[Path]:
    """A directory in `root` that no listing sees, gone afterwards unless it was renamed."""
    root.mkdir(parents=True, exist_ok=True)
    work = root / f".{name}-{secrets.token_hex(6)}"
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _check_members(model: LanguageModel, members: Sequence[CheckpointRef]) -> None:
    wanted = len(model.members) if isinstance(model, Composite) else 0
    if len(members) != wanted:
        raise InvalidInput("members", f"must be {wanted} published models, not {len(members)}")


def _write(
    work: Path, model: LanguageModel, tokenizer: Tokenizer, provenance: Provenance, members: Sequence[CheckpointRef]
) -> None:
    if not members:
        tokenizer.save(work / TOKENIZER_FILE)
        write_tensors(model.tensors(), work / WEIGHTS_FILE)
    card = Card(
        format=FORMAT_VERSION,
        kind=model.kind,
        config=model.config(),
        vocabulary_size=model.vocabulary_size,
        parameters=model.parameter_count,
        tokenizer=asdict(tokenizer.config),
        provenance=provenance,
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files=_kept(work),
        members=tuple(pin_member(entry) for entry in members),
    )
    card.write(work / CARD_FILE)
    _kept(work, CARD_FILE)


def _kept(work: Path, pattern: str = "*") -> dict[str, FileDigest]:
    """Make sure that files can be read and are on the disk; meanwhile, what tells each of them from all others."""
    files = sorted(work.glob(pattern))
    facts: dict[str, FileDigest] = {}

    def settle() -> None:
        for file in files:
            # Libraries write some files for their owner only; a service may run as another user.
            file.chmod(work.stat().st_mode & 0o666)
            fsync_path(file)

    def describe() -> None:
        facts.update((file.name, FileDigest.of(file)) for file in files)

    parallel_map(lambda task: task(), (settle, describe))
    return facts


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: _version(name) for name in ("nextword", "torch", "numpy")}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from its source tree
        return "unknown"


def _publish(work: Path, folder: Path, wanted: int | None) -> Path:
    """Rename `work` to a version in `folder`. Onto a published version that fails: its directory is not empty."""
    folder.mkdir(exist_ok=True)
    while True:
        target = folder / str(wanted or next_version(folder))
        try:
            rename_durably(work, target)
        except OSError as error:
            if not (work.exists() and target.exists()):
                raise
            if wanted is not None:
                raise CheckpointExists(f"{folder.name}@{wanted} is already published") from error
        else:
            fsync_path(folder.parent)
            return target
