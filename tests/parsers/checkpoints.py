"""Parsers of checkpoints: cards, forged models whose hashes are right, states, remembered hashes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from app.engine.warm_up import warm_up
from models.checkpoint.card import CARD_FILE, Card, FileDigest
from models.checkpoint.families import FAMILIES, FAMILIES_BY_PRECISION
from models.checkpoint.hash_cache import VerifiedHashes
from models.checkpoint.load import WEIGHTS_FILE, load
from models.model import Model
from models.neural.config import RecurrentConfig
from models.neural.training.config import STATE_FILE, TrainingConfig
from models.neural.training.state_file import StateSaver
from models.neural.training.trainer import Trainer
from tests.helpers.serving import (
    classifier,
    fill_in,
    naive_bayes,
    ngram,
    publish,
    reader,
    recurrent,
    tagger,
)
from tests.parsers.parser import Parser

_MODELS: dict[str, Callable[[], Model]] = {
    "ngram": ngram,
    "lstm": recurrent,
    "gru": partial(recurrent, "gru"),
    "classifier": classifier,
    "naive-bayes": naive_bayes,
    "fill-in": fill_in,
    "reader": reader,
    "tagger": tagger,
}


def _card_samples(folder: Path) -> list[bytes]:
    refs = [publish(folder / "cards", name, model()) for name, model in _MODELS.items()]
    return [(ref.path / CARD_FILE).read_bytes() for ref in refs]


def _read_card(path: Path) -> None:
    card = Card.read(path)
    card.write(path.with_name("again.json"))
    card.created_at.bit_length()


def _weight_samples(name: str, folder: Path) -> list[bytes]:
    return [(publish(folder, name, _MODELS[name]()).path / WEIGHTS_FILE).read_bytes()]


def _forged_card_samples(folder: Path) -> list[bytes]:
    samples = []
    for name, model in _MODELS.items():
        card = json.loads((publish(folder, name, model()).path / CARD_FILE).read_bytes())
        sample = {"base": name, **{field: card[field] for field in ("kind", "config", "vocabulary_size")}}
        samples.append(json.dumps(sample).encode())
    return samples


def _base(path: Path, name: str) -> Path:
    """Return a new copy of a sound checkpoint."""
    sound, copy = path.parent / "sound", path.parent / "forged" / name / "1"
    if not (sound / name).exists():
        publish(sound, name, _MODELS[name]())
    shutil.rmtree(path.parent / "forged", ignore_errors=True)
    shutil.copytree(sound / name / "1", copy)
    for file in copy.iterdir():
        file.chmod(0o600)
    return copy


def _load(folder: Path) -> None:
    """Load a checkpoint as a service does, in both precisions."""
    for families in (FAMILIES, FAMILIES_BY_PRECISION["int8"]):
        warm_up(load(folder, families=families))


def _read_forged_weights(name: str, path: Path) -> None:
    folder = _base(path, name)
    shutil.copy(path, folder / WEIGHTS_FILE)
    card = json.loads((folder / CARD_FILE).read_bytes())
    card["files"][WEIGHTS_FILE] = vars(FileDigest.of(path))
    (folder / CARD_FILE).write_text(json.dumps(card))
    _load(folder)


def _read_forged_card(path: Path) -> None:
    try:
        forged = json.loads(path.read_bytes())
        name = forged.pop("base")
        folder = _base(path, name if name in _MODELS else "ngram")
        card = json.loads((folder / CARD_FILE).read_bytes()) | forged
        (folder / CARD_FILE).write_text(json.dumps(card))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return  # no forged card
    _load(folder)


def _trainer() -> Trainer:
    tokens = np.arange(60, dtype=np.int32) % 6
    config = RecurrentConfig("gru", layers=1, embedding_size=4, hidden_size=4)
    return Trainer(config, TrainingConfig(batch_size=2, bptt=5, epochs=2), tokens, 6)


def _state_samples(folder: Path) -> list[bytes]:
    trainer = _trainer()
    samples = []
    for _ in range(2):
        StateSaver(trainer, {"text": "a"}, folder).save()
        samples.append((folder / STATE_FILE).read_bytes())
        trainer.advance()
    return samples + [sample.replace(b'"sha256":"', b'"nohash":"') for sample in samples]


def _read_state(path: Path) -> None:
    shutil.copy(path, path.with_name(STATE_FILE))
    StateSaver(_trainer(), {"text": "a"}, None).restore(path.parent)


def _hash_samples(folder: Path) -> list[bytes]:
    file = folder / "file"
    file.write_text("a")
    VerifiedHashes(folder / "hashes.json").verify(file, FileDigest.of(file))
    return [(folder / "hashes.json").read_bytes()]


def _read_hashes(path: Path) -> None:
    file = path.with_name("hashed")
    file.write_text("a")
    VerifiedHashes(path).verify(file, FileDigest.of(file))


PARSERS = [
    Parser("card", "models.checkpoint.card", "checkpoint", "json", _card_samples, _read_card),
    Parser("forged card", "models.checkpoint.load", "checkpoint", "json", _forged_card_samples, _read_forged_card),
    *(
        Parser(
            *(f"forged weights of {name}", "models.checkpoint.load", "checkpoint", "tensors"),
            *(partial(_weight_samples, name), partial(_read_forged_weights, name)),
        )
        for name in _MODELS
    ),
    Parser(
        *("training state", "models.neural.training.state_file", "job's folder", "tensors"),
        *(_state_samples, _read_state),
    ),
    Parser("remembered hashes", "models.checkpoint.hash_cache", "data folder", "json", _hash_samples, _read_hashes),
]
