"""Blocks that are done, in a folder with a manifest: `BlockFolder`.

A block has two files, its lines and its figures, and is done once its entry stands in the manifest. All of them are
written in an order that a kill at any moment leaves whole: what was begun is done again, to the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import InvalidInput
from models.selection.config import MANIFEST
from models.utils.arrays import Float64Array, Int32Array
from models.utils.compression import compress_block, decompress_block
from models.utils.files import fsync_path, write_atomically

MAX_TOLD_ERRORS = 20
"""Bad records of a block, and of all blocks, that are told; the others are only counted."""
_FIGURES = np.dtype([("value", "<f8"), ("group", "<i4")])
_LEVEL = 1
"""Compression of lines that are read once again: level 1 of Zstandard takes a twentieth of the time of scoring."""


@dataclass(frozen=True)
class BlockEntry:
    """Manifest entry of a block."""

    number: int
    record_count: int
    """Records read, bad ones included."""
    error_count: int
    unrouted_count: int
    """Records whose label no model is for."""
    token_count: int
    kept_count: int
    """Lines in its file."""
    sha256: str
    """Hash of its lines, compressed."""
    figures_sha256: str = ""
    """Hash of its figures; none in a folder of an older version."""
    errors: Sequence[tuple[str, int, str]] = ()
    """Name of the file, number of the line and reason, of the first bad records."""


class BlockFolder:
    """Folder of the blocks of one selection, which `header` describes."""

    def __init__(self, folder: Path, header: dict[str, Any]) -> None:
        """Open a folder, or make it. Raises InvalidInput where it holds the blocks of another selection."""
        self._folder, self._manifest = folder, folder / MANIFEST
        folder.mkdir(parents=True, exist_ok=True)
        lines = self._read_manifest()
        if len(lines) < 2:  # no block
            self._manifest.write_bytes(_line(header))
        elif lines[0] != json.loads(_line(header)):
            raise InvalidInput("work", f"{folder} holds the blocks of another selection: remove it, or name another")
        entries = (BlockEntry(**line) for line in lines[1:])
        self.entries = {entry.number: entry for entry in entries if self._is_whole(entry)}

    def add(self, entry: BlockEntry, lines: bytes, values: Float64Array, groups: Int32Array) -> None:
        """Keep a block: its lines, compressed by `compress`, and figures [N] of them."""
        figures = np.empty(len(values), _FIGURES)
        figures["value"], figures["group"] = values, groups
        entry = replace(entry, figures_sha256=_sha256(figures.tobytes()))
        with write_atomically(self._figures_path(entry.number)) as temporary:
            temporary.write_bytes(figures.tobytes())
        with write_atomically(self._lines_path(entry.number)) as temporary:
            temporary.write_bytes(lines)
        with self._manifest.open("ab") as manifest:
            manifest.write(_line(asdict(entry)))
        fsync_path(self._manifest)
        self.entries[entry.number] = entry

    def in_order(self) -> Iterator[BlockEntry]:
        """Yield the entries in the order of their blocks."""
        for number in sorted(self.entries):
            yield self.entries[number]

    def read_lines(self, number: int) -> list[bytes]:
        """Return the lines of a block, without their ends."""
        return decompress_block(self._lines_path(number).read_bytes()).split(b"\n")[:-1]

    def read_figures(self, number: int) -> tuple[Float64Array, Int32Array]:
        """Return the figures of a block's lines, and their groups [N]."""
        figures = np.frombuffer(self._figures_path(number).read_bytes(), _FIGURES)
        return figures["value"].astype(np.float64), figures["group"].astype(np.int32)

    def _lines_path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.lines.zst"

    def _figures_path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.figures"

    def _read_manifest(self) -> list[dict[str, Any]]:
        """Return the entries of the manifest, without a last one that a kill has cut off, which is taken away."""
        if not self._manifest.exists():
            return []
        data = self._manifest.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.truncate(self._manifest, len(whole))
        return [json.loads(line) for line in whole.splitlines()]

    def _is_whole(self, entry: BlockEntry) -> bool:
        """Return whether both files are those that the manifest names; they may come from another machine."""
        lines, figures = self._lines_path(entry.number), self._figures_path(entry.number)
        if not (lines.exists() and figures.exists()) or _sha256(lines.read_bytes()) != entry.sha256:
            return False
        return entry.figures_sha256 in ("", _sha256(figures.read_bytes()))


def compress(lines: Iterable[bytes]) -> tuple[bytes, str]:
    """Return lines, without their ends, compressed as a block keeps them, and the hash of that."""
    data = compress_block(join_lines(list(lines)), _LEVEL)
    return data, _sha256(data)


def join_lines(lines: Sequence[bytes]) -> bytes:
    """Return lines with their ends."""
    return b"\n".join([*lines, b""])


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"
