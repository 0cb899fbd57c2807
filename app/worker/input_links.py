"""Links to the input files of a job's work under their uploaders' names, in a directory of their own.

It becomes the current one: cards and messages then hold these names rather than paths of this machine.
"""

from __future__ import annotations

import os
from pathlib import Path

from app.worker.run_protocol import InputFile, RunSpec


def link_inputs(spec: RunSpec, directory: Path) -> dict[str, Path]:
    """Link the files and enter the directory; return their paths by `training`, `validation` and field."""
    directory.mkdir(parents=True, exist_ok=True)
    os.chdir(directory)
    files = {"training": spec.training, "validation": spec.validation, **spec.more_files}
    links: dict[str, Path] = {}
    for field, file in files.items():
        if file is not None:
            taken = Path(file.name) in links.values()
            links[field] = _link(file, f"{field}-{file.name}" if taken else file.name)
    return links


def _link(source: InputFile, name: str) -> Path:
    link = Path(name)
    link.unlink(missing_ok=True)
    link.symlink_to(Path(source.path).resolve())
    return link
