"""A training state on disk: named tensors and JSON facts in one safetensors file, complete or absent.

It knows how to write such a file without ever leaving half of one, and how to read it. It does not know what is in it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from torch import Tensor

from models.errors import CheckpointDamaged, CheckpointNotFound
from models.utils.durable import sync
from models.utils.tensorfile import write_tensors


def write(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Replace `path` by the new state in one step: whoever reads it, even after a crash, finds the old or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_tensors(tensors, unfinished, {"facts": json.dumps(facts, allow_nan=False)})
        sync(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync(path.parent)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
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
