"""Links to the input files of a job's work under their uploaders' names, in a directory of their own.

It becomes the current one: cards and messages then hold these names rather than paths of this machine.
"""

from __future__ import annotations

import os
from pathlib import Path

from app.worker.run_protocol import RunSpec


def link_inputs(spec: RunSpec, directory: Path) -> dict[str, Path]:
    """Link the files and enter the directory; return their paths by `training`, `validation` and field."""
    named = {"training": spec.training, "validation": spec.validation, **spec.more_files}
    files = {field: file for field, file in named.items() if file is not None}
    sources = {field: Path(file.path).resolve() for field, file in files.items()}
    directory.mkdir(parents=True, exist_ok=True)
    os.chdir(directory)
    links: dict[str, Path] = {}
    for field, file in files.items():
        taken = Path(file.name) in links.values()
        links[field] = Path(f"{field}-{file.name}" if taken else file.name)
        links[field].unlink(missing_ok=True)
        links[field].symlink_to(sources[field])
    return links
