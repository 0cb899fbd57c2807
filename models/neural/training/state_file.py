"""Stopping and going on: when a training's state is saved, where, and whether a saved one belongs to this training.

It knows recipes, directories and clocks. What the state consists of is `trainer`'s to say, its bytes are `snapshot`'s.

A training state on disk: named tensors and JSON facts in one safetensors file, complete or absent.

It knows how to write such a file without ever leaving half of one, and how to read it. It does not know what is in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors import SafetensorError, safe_open
from torch import Tensor

from models.data.bptt_batches import TokenIds
from models.errors import CheckpointDamaged, CheckpointNotFound, InvalidInput
from models.neural.training.trainer import Trainer
from models.utils.files import fsync_path
from models.utils.tensorfile import write_tensors


def write_state(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Replace `path` by the new state in one step: whoever reads it, even after a crash, finds the old or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_tensors(tensors, unfinished, {"facts": json.dumps(facts, allow_nan=False)})
        fsync_path(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    fsync_path(path.parent)


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts that `write` was given.

    Raises CheckpointNotFound or CheckpointDamaged, naming the file.
    """
    if not path.is_file():
        raise CheckpointNotFound(f"{path}: no saved training state")
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            return {name: file.get_tensor(name) for name in file.keys()}, cast("dict[str, Any]", facts)  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointDamaged(f"{path}: not a complete training state ({error})") from error


STATE_FILE = "training.safetensors"
"""The name of a saved training state in its directory."""


class StateSaver:
    """Saves the state of one training in `directory`; does nothing without one."""

    def __init__(self, trainer: Trainer, text: str, directory: Path | None) -> None:
        """`text` is the fingerprint of what is trained on."""
        self._trainer = trainer
        self._path = directory / STATE_FILE if directory else None
        self._saved = time.monotonic()
        self._identity = {
            "architecture": asdict(trainer.config),
            "recipe": asdict(trainer.training_config),
            "vocabulary size": trainer.vocabulary_size,
            "text": text,
        }

    def save(self) -> None:
        """Write the state as it is between two steps, and what it is the state of."""
        if self._path:
            facts = {"identity": self._identity, "state": self._trainer.json_state()}
            write_state(self._path, self._trainer.tensors(), facts)
            self._saved = time.monotonic()

    def save_if_older(self, seconds: float) -> None:
        """Save when the last save, or the beginning, is at least so long ago."""
        if time.monotonic() - self._saved >= seconds:
            self.save()

    def restore(self, directory: Path) -> None:
        """Let the trainer go on from the state in the directory.

        Raises InvalidInput when it is another training's, CheckpointNotFound or CheckpointDamaged when it is none.
        """
        path = directory / STATE_FILE
        tensors, facts = read_state(path)
        theirs = facts.get("identity", {})
        other = [name for name, value in self._identity.items() if theirs.get(name) != value]
        if other:
            raise InvalidInput("resume", f"{path} is the state of a training with another {' and '.join(other)}")
        try:
            self._trainer.restore(tensors, facts["state"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointDamaged(f"{path}: not a complete training state ({error})") from error


def text_fingerprint(*texts: TokenIds | None) -> str:
    """A digest of token ids, the same for any integer type; None is a text of its own."""
    digest = hashlib.sha256()
    for ids in texts:
        digest.update(b"none" if ids is None else f"{len(ids)}:".encode() + ids.astype(np.int64).tobytes())
    return digest.hexdigest()
