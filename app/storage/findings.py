"""Findings of `nextword compare`: JSON files recorded in the data folder, and those shipped.

A finding's name is its file's: `families.json`. What a file says is checked by whoever serves it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from orjson import JSONDecodeError, loads

from app.core.exceptions import NotFound
from models.utils.files import write_atomically
from models.utils.regular_files import read_regular

Source: TypeAlias = Literal["local", "shipped"]
FINDINGS_FOLDER = "findings"
"""Subfolder of the data folder."""
SHIPPED = Path(__file__).with_name("shipped_findings")
MAX_BYTES = 1 << 18
"""Size of a file above which it is a problem and not read."""
MAX_FINDINGS = 50
"""Findings of one source; files beyond, by name, are passed over."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
JsonObject: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class RecordedFinding:
    """A finding's file, read."""

    name: str
    source: Source
    content: JsonObject | None
    """What the file holds; None where it cannot be read."""
    problem: str = ""
    """Why it cannot be read."""


class FindingStore:
    """Findings of both sources; files may come and go at any time.

    >>> store = FindingStore(Path("no such folder"))
    >>> {finding.source for finding in store.list()}
    {'shipped'}
    """

    def __init__(self, folder: Path, shipped: Path = SHIPPED) -> None:
        self._folders: dict[Source, Path] = {"local": folder, "shipped": shipped}

    def list(self) -> list[RecordedFinding]:
        """Read all findings, by name, those recorded here before those shipped."""
        findings = [finding for source in get_args(Source) for finding in self._read_folder(source)]
        return sorted(findings, key=lambda finding: (finding.name, finding.source))

    def get(self, name: str, source: Source | None = None) -> RecordedFinding:
        """Read the finding of a source; without one, that recorded here or else shipped. Raises NotFound."""
        if NAME.fullmatch(name):
            for place in (source,) if source else get_args(Source):
                if (path := self._folders[place] / f"{name}.json").is_file():
                    return _read(path, place)
        known = ", ".join(sorted({finding.name for finding in self.list()})) or "none"
        raise NotFound(f"there is no {source or ''} finding {name!r}; there are: {known}".replace("  ", " "))

    def _read_folder(self, source: Source) -> Iterator[RecordedFinding]:
        paths = (path for path in self._folders[source].glob("*.json") if NAME.fullmatch(path.stem))
        return (_read(path, source) for path in sorted(paths)[:MAX_FINDINGS])


def record(folder: Path, name: str, content: str) -> None:
    """Write the JSON of a finding into a folder of findings, in the place of an earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    with write_atomically(folder / f"{name}.json") as temporary:
        temporary.write_text(content + "\n", encoding="utf-8")


def _read(path: Path, source: Source) -> RecordedFinding:
    problem, content = "", None
    try:
        content = loads(read_regular(path, MAX_BYTES))
    except JSONDecodeError:
        problem = "the file is no JSON"
    except OSError as error:
        problem = error.strerror or "no regular file"
    if not problem and not isinstance(content, dict):
        problem, content = "the file holds no JSON object", None
    return RecordedFinding(path.stem, source, content, problem)
