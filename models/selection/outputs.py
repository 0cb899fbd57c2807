"""Files that the kept records are written to: one, or one for each of head, middle and tail.

They appear under their names once they are whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from models.errors import InvalidInput
from models.utils.compression import create_compressed
from models.utils.files import write_atomically

PLACEHOLDER = "{bucket}"
"""Part of a name that becomes head, middle or tail."""
_ENDINGS = (".gz", ".zst")


def output_paths(output: Path, buckets: Sequence[str]) -> dict[str, Path]:
    """Return the file of each bucket; the same for all where the name has no placeholder.

    Raises InvalidInput for a placeholder without buckets, and for a folder that is not there.
    """
    if PLACEHOLDER in output.name and not buckets:
        raise InvalidInput("output", f"may hold {PLACEHOLDER} with cutoffs or percentiles only")
    if not output.parent.is_dir():
        raise InvalidInput("output", f"{output.parent} must be a folder")
    return {name: output.with_name(output.name.replace(PLACEHOLDER, name)) for name in buckets or ("kept",)}


@contextmanager
def open_outputs(paths: Iterable[Path]) -> Iterator[dict[Path, BinaryIO]]:
    """Create files, compressed as their endings say; they appear when all is written."""
    with ExitStack() as stack:
        files: dict[Path, BinaryIO] = {}
        for path in dict.fromkeys(paths):
            temporary = stack.enter_context(write_atomically(path))
            files[path] = stack.enter_context(create_compressed(temporary, _ending(path)))
        yield files


def _ending(path: Path) -> str:
    return path.suffix if path.suffix in _ENDINGS else ""
