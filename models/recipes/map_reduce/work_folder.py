"""Folder that the steps of counting share: `WorkFolder` names its files and reads its documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import InvalidInput
from models.utils.files import write_atomically
from models.utils.regular_files import read_regular

MAX_DOCUMENT_BYTES = 1 << 32
"""Most bytes of a census, which holds each form of its shard once."""


@dataclass(frozen=True)
class WorkFolder:
    """Folder with the files of all steps; parts are numbered from 1."""

    root: Path

    @property
    def plan(self) -> Path:
        """File of what all steps after the censuses agree on."""
        return self.root / "plan.json"

    @property
    def tokenizer(self) -> Path:
        """File of the frozen vocabulary."""
        return self.root / "tokenizer.json"

    def census(self, shard: str) -> Path:
        """Return the file of a shard's vocabulary counts."""
        return self.root / "census" / f"{shard}.json"

    def censuses(self) -> list[Path]:
        """List the files of all censuses by name."""
        return sorted(path for path in self.root.glob("census/*.json") if not path.name.startswith("."))

    def mapped(self, shard: str, part: int) -> Path:
        """Return the file of the counts of a part in a shard."""
        return self.root / "map" / shard / f"{part}.safetensors"

    def reduced(self, part: int) -> Path:
        """Return the file of the counts of a part in all shards."""
        return self.root / "reduce" / f"{part}.safetensors"

    def estimated(self, round_number: int, part: int) -> Path:
        """Return the file of what a part has estimated in a round, from 1."""
        return self.root / "estimate" / str(round_number) / f"{part}.safetensors"


def write_document(document: Mapping[str, Any], path: Path) -> None:
    """Write a JSON object, whole or not at all; equal objects give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(document, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def read_document(path: Path, hint: str) -> tuple[dict[str, Any], str]:
    """Read a JSON object and the SHA-256 of its file.

    Raises InvalidInput, naming the file: with `hint` where it is not there.
    """
    try:
        # No more than the file has: reading makes room for as many bytes as are asked for.
        data = read_regular(path, min(path.stat().st_size, MAX_DOCUMENT_BYTES))
        document = json.loads(data)
    except FileNotFoundError:
        raise missing(path, hint) from None
    except OSError as error:
        raise InvalidInput("work", f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise altered(path) from None
    if not isinstance(document, dict):
        raise altered(path)
    return document, hashlib.sha256(data).hexdigest()


def missing(path: Path, hint: str) -> InvalidInput:
    """Return the error for a file that is not there, and how it is made."""
    return InvalidInput("work", f"{path} is missing: {hint} first")


def altered(path: Path) -> InvalidInput:
    """Return the error for a file that is not as it was written."""
    return InvalidInput("work", f"{path} is damaged or was altered: remove it and make it again")
