"""Training state on disk, and resuming from it.

A state is named tensors and JSON values in one safetensors file, replaced in one step, so that a crash leaves the old
state or the new one. `StateSaver` decides when to save, and refuses to resume from the state of another training.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.optim import Optimizer

from models.data.bptt_batches import TokenIds
from models.errors import CheckpointNotFound, StateMismatch, UnusableState
from models.neural.training.config import STATE_FILE
from models.utils.files import write_atomically, write_tensors

_OPTIMIZER_PREFIX = "optimiser."
"""Beginning of the names of an optimizer's tensors in a saved state."""


class Resumable(Protocol):
    """A training whose state between two steps can be saved and restored."""

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of the state."""

    def json_state(self) -> dict[str, Any]:
        """Return everything else of the state, JSON-ready."""

    def restore(self, tensors: dict[str, Tensor], json_state: dict[str, Any]) -> None:
        """Continue from what `tensors` and `json_state` returned."""


class StateSaver:
    """Saver of one training's state in `directory`; does nothing where there is none."""

    def __init__(
        self,
        trainer: Resumable,
        identity: dict[str, Any],
        directory: Path | None,
        defaults: Mapping[str, dict[str, Any]] | None = None,
    ) -> None:
        """Save states of `trainer`; `identity`, JSON-ready, is what a training that resumes must share.

        `defaults` are those of settings in the identity: an older version's states lack the settings that are newer.
        """
        self._trainer = trainer
        self._path = directory / STATE_FILE if directory else None
        self._saved_at = time.monotonic()
        self._identity = identity
        self._defaults = defaults or {}

    def save(self) -> None:
        """Write the state, which must be that between two steps, and the identity of the training."""
        if self._path:
            facts = {"identity": self._identity, "state": self._trainer.json_state()}
            write_state(self._path, self._trainer.tensors(), facts)
            self._saved_at = time.monotonic()

    def save_if_older(self, seconds: float) -> None:
        """Save when the last save, or the beginning, is at least `seconds` ago."""
        if self.is_older(seconds):
            self.save()

    def save_when_closed(self) -> None:
        """Save when the training is stopped between two steps."""
        self.save()

    def is_older(self, seconds: float) -> bool:
        """Tell whether the last save, or the beginning, is at least `seconds` ago."""
        return time.monotonic() - self._saved_at >= seconds

    def resume(self, directory: Path | None) -> None:
        """Restore the state in the directory, if one is given; see `restore`."""
        if directory is not None:
            self.restore(directory)

    def restore(self, directory: Path) -> None:
        """Set the trainer to the state in the directory.

        Raises StateMismatch when it is the state of another training, CheckpointNotFound when there is none, and
        UnusableState when it cannot be read.
        """
        path = directory / STATE_FILE
        tensors, facts = read_state(path)
        saved_identity = facts.get("identity", {})
        if not isinstance(saved_identity, dict):
            raise UnusableState(f"{path}: not a complete training state (its identity is no object)")
        differing = [name for name in self._identity if not self._agrees(name, saved_identity.get(name, {}))]
        if differing:
            raise StateMismatch("resume", f"{path} is the state of a training with another {' and '.join(differing)}")
        try:
            self._trainer.restore(tensors, facts["state"])
        except (LookupError, RuntimeError, TypeError, ValueError) as error:
            raise UnusableState(f"{path}: not a complete training state ({error})") from error

    def _agrees(self, name: str, saved: object) -> bool:
        """Tell whether a part of a saved identity is this training's."""
        if name in self._defaults and isinstance(saved, dict):
            saved = self._defaults[name] | saved
        return bool(saved == self._identity[name])


def text_fingerprint(*texts: TokenIds | None) -> str:
    """Return a digest of token ids, the same for any integer type; None counts as a text of its own."""
    digest = hashlib.sha256()
    for ids in texts:
        digest.update(b"none" if ids is None else f"{len(ids)}:".encode() + ids.astype(np.int64).tobytes())
    return digest.hexdigest()


def write_state(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Replace `path` by a new state in one step, so that even a crash leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as temporary:
        text = json.dumps(facts, allow_nan=False)
        digest = _content_hash(tensors, text)
        arrays = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
        write_tensors(arrays, temporary, {"facts": text, "sha256": digest})


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what `write_state` wrote. Raises CheckpointNotFound or UnusableState, naming the file.

    A state that was saved before states had hashes is taken as it is.
    """
    if not path.is_file():
        raise CheckpointNotFound(f"{path}: no saved training state")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
            facts = json.loads(metadata["facts"])
            is_as_saved = metadata.get("sha256", "") in ("", _content_hash(tensors, metadata["facts"]))
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError, RuntimeError) as error:
        raise UnusableState(f"{path}: not a complete training state ({error})") from error
    if not is_as_saved:
        raise UnusableState(f"{path}: its content is not what was saved: altered")
    if not isinstance(facts, dict):
        raise UnusableState(f"{path}: not a complete training state (its facts are no object)")
    return tensors, facts


def _content_hash(tensors: Mapping[str, Tensor], facts: str) -> str:
    """Return the SHA-256 of a state: its facts, and the name, type, size and numbers of each tensor."""
    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        array = tensors[name].detach().numpy()
        digest.update(f"\0{name} {array.dtype} {array.size}\0".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the moments that an optimizer keeps of each parameter, as tensors of a saved state."""
    return {
        f"{_OPTIMIZER_PREFIX}{i}.{name}": tensor
        for i, moments in optimizer.state_dict()["state"].items()
        for name, tensor in moments.items()
        if isinstance(tensor, Tensor)
    }


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Set an optimizer's moments to those of a saved state."""
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in with_prefix(_OPTIMIZER_PREFIX, tensors).items():
        i, _, key = name.partition(".")
        moments.setdefault(int(i), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
