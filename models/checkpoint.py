"""Checkpoints on disk: a model, its tokenizer and its card, published by one rename and never changed after it.

It knows the files of a checkpoint, when they count as damaged and what a model must pass to be published; it does not
know how a family lays out its tensors, nor which checkpoint a user means (`catalogue`).
"""

from __future__ import annotations

import platform
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.base import LanguageModel
from models.card import CARD_FILE, FORMAT, Card, FileFacts, Provenance
from models.catalogue import Entry, check_name, next_version
from models.durable import sync
from models.errors import CheckpointDamaged, CheckpointExists, InvalidInput
from models.families import FAMILIES
from models.ledger import Ledger
from models.tokenizer import Tokenizer

TOKENIZER_FILE = "tokenizer.json"
WEIGHTS_FILE = "weights.safetensors"

Families = Mapping[str, type[LanguageModel]]


@dataclass(frozen=True)
class Checkpoint:
    """A model ready to use, with what makes it usable on text and what is known about it."""

    card: Card
    tokenizer: Tokenizer
    model: LanguageModel
    path: Path


def save(
    root: Path,
    name: str,
    model: LanguageModel,
    tokenizer: Tokenizer,
    provenance: Provenance,
    *,
    version: int | None = None,
    families: Families = FAMILIES,
) -> Entry:
    """Publish a model as `<root>/<name>/<version>/`, complete or not at all, and return its entry.

    The files are written under a temporary name in `root`, synced, read back and probed before one rename makes them
    visible. Without a `version` the next free number is taken. Raises CheckpointExists when the version is already
    there, InvalidInput when the name, the card or the model's distributions are not acceptable.
    """
    check_name(name)
    with _workplace(root, name) as work:
        _write(work, model, tokenizer, provenance)
        probe(load(work, families=families).model)
        return Entry.at(_publish(work, root / name, version))


def load(path: Path, *, verify: bool = True, ledger: Ledger | None = None, families: Families = FAMILIES) -> Checkpoint:
    """Open the checkpoint in the directory `path`; its weights are mapped into memory, not read.

    `verify` checks every file's hash, unless `ledger` remembers having done so; without it only sizes are compared.
    Raises CheckpointDamaged, naming the file, when anything is missing, altered, foreign or from a newer program.
    """
    card = Card.read(_own_file(path, CARD_FILE))
    for name in (TOKENIZER_FILE, WEIGHTS_FILE):
        _check(_own_file(path, name), card, (ledger or Ledger()) if verify else None)
    tokenizer = _tokenizer(path / TOKENIZER_FILE, card)
    return Checkpoint(card, tokenizer, _model(path, card, families), path)


def probe(model: LanguageModel) -> None:
    """Raise InvalidInput unless the model's distributions after a few contexts are distributions."""
    spread = torch.linspace(0, model.vocabulary_size - 1, 4).long()
    contexts = model.advance(model.start(4), torch.stack([spread, spread.flip(0)], 1))
    for state in (model.start(1), model.blank(1), contexts):
        rows = model.logprobs(state).double()
        # A log-probability may be -inf (a word never seen); NaN and +inf spoil the sum.
        if not torch.allclose(rows.exp().sum(-1), torch.ones(len(rows), dtype=torch.double), atol=1e-3):
            raise InvalidInput("model", "its probabilities of the next token do not sum to one, so it is not published")


# --- writing


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


def _write(work: Path, model: LanguageModel, tokenizer: Tokenizer, provenance: Provenance) -> None:
    tokenizer.save(work / TOKENIZER_FILE)
    save_file({name: tensor.contiguous() for name, tensor in model.tensors().items()}, work / WEIGHTS_FILE)
    card = Card(
        format=FORMAT,
        kind=model.kind,
        config=model.config(),
        vocabulary_size=model.vocabulary_size,
        parameters=model.parameters,
        tokenizer=asdict(tokenizer.config),
        provenance=provenance,
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files={name: FileFacts.of(work / name) for name in (TOKENIZER_FILE, WEIGHTS_FILE)},
    )
    card.write(work / CARD_FILE)
    # Libraries write some files for their owner only; a service may run as another user.
    readable = work.stat().st_mode & 0o666
    for file in work.iterdir():
        file.chmod(readable)
        sync(file)
    sync(work)


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
            work.rename(target)
        except OSError as error:
            if not target.exists():
                raise
            if wanted is not None:
                raise CheckpointExists(f"{folder.name}@{wanted} is already published") from error
        else:
            sync(folder)
            sync(folder.parent)
            return target


# --- reading


def _own_file(path: Path, name: str) -> Path:
    """The file `name` of the checkpoint, which must be there and not elsewhere by way of a link."""
    file = path / name
    if not file.is_file():
        raise CheckpointDamaged(f"{file}: missing or not a file")
    if file.resolve().parent != path.resolve():
        raise CheckpointDamaged(f"{file}: a link that leads out of the checkpoint")
    return file


def _check(file: Path, card: Card, ledger: Ledger | None) -> None:
    facts = card.files.get(file.name)
    if facts is None:
        raise CheckpointDamaged(f"{file.with_name(CARD_FILE)}: does not list {file.name}")
    if ledger is not None:
        ledger.check(file, facts)
    elif file.stat().st_size != facts.size:
        raise CheckpointDamaged(f"{file}: not {facts.size} bytes: truncated or altered")


def _tokenizer(file: Path, card: Card) -> Tokenizer:
    tokenizer = Tokenizer.load(file)
    if tokenizer.size != card.vocabulary_size:
        raise CheckpointDamaged(f"{file}: {tokenizer.size} tokens instead of the card's {card.vocabulary_size}")
    return tokenizer


def _model(path: Path, card: Card, families: Families) -> LanguageModel:
    card_file, weights = path / CARD_FILE, path / WEIGHTS_FILE
    family = families.get(card.kind)
    if family is None:
        raise CheckpointDamaged(f"{card_file}: unknown kind {card.kind!r}; known: {', '.join(sorted(families))}")
    try:
        return family.from_tensors(card.config, _tensors(weights), card.vocabulary_size)
    except (CheckpointDamaged, SafetensorError) as error:
        raise CheckpointDamaged(f"{weights}: does not fit the config in {CARD_FILE}: {error}") from error
    except (InvalidInput, KeyError, TypeError, ValueError) as error:
        raise CheckpointDamaged(f"{card_file}: field config is not that of a {card.kind} model ({error})") from error


def _tensors(file: Path) -> dict[str, Tensor]:
    with safe_open(file, framework="pt") as stored:
        return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a mapping)
