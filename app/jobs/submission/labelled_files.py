"""Check of labelled files at submission, so that the first fault of a small one is told at once.

Large files are left to the job, which says the same of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from app.schemas.tasks.job_requests import TaskJob
from app.storage.files.file_store import FileStore
from models.data.labelled.nbest import read_nbest
from models.errors import InvalidInput, InvalidText
from models.recipes.task_examples import read_examples
from models.recipes.task_kinds import FileFormat

SMALL_BYTES = 1 << 20
"""Size up to which files are read at submission, all files of a field together: some tens of milliseconds."""
SMALL_STORY_BYTES = 32 << 10
"""The same for stories, of which each question repeats what came before it: the square of a story's size in memory."""


def check_small_files(files: FileStore, request: TaskJob, file_format: FileFormat) -> None:
    """Check a request's labelled files, unless they are large. Raises InvalidInput naming field and line."""
    check_if_small(files, "training_file", request.training_files, file_format)
    if request.validation_file is not None:
        check_if_small(files, "validation_file", [request.validation_file], file_format)


def check_if_small(files: FileStore, field: str, file_ids: Sequence[str], file_format: FileFormat) -> None:
    """Read labelled files, unless they are large. Raises InvalidInput naming `field` and a fault's line."""
    limit = SMALL_STORY_BYTES if file_format.format == "babi" else SMALL_BYTES
    _read_if_small(files, field, file_ids, limit, lambda paths: read_examples(paths, file_format))


def check_nbest_if_small(files: FileStore, field: str, file_id: str, encoding: str) -> None:
    """Read n-best lists, unless they are large. Raises InvalidInput naming `field` and a fault's line."""
    _read_if_small(files, field, [file_id], SMALL_BYTES, lambda paths: read_nbest(paths[0], encoding))


def _read_if_small(
    files: FileStore, field: str, file_ids: Sequence[str], limit: int, read: Callable[[list[Path]], object]
) -> None:
    """Have `read` read files that are smaller than `limit`, in bytes, together."""
    stored = [files.get(file_id) for file_id in file_ids]
    if sum(file.content_bytes for file in stored) > limit:
        return
    with tempfile.TemporaryDirectory() as folder:
        # Under their own names, whose endings tell the format and which messages give.
        paths = [Path(folder, str(i), file.filename) for i, file in enumerate(stored)]
        for path, file in zip(paths, stored, strict=True):
            path.parent.mkdir()
            path.symlink_to(files.path(file.id).resolve())
        try:
            read(paths)
        except InvalidText as error:
            message = str(error)
            for path in paths:
                message = message.replace(str(path), path.name)
            raise InvalidInput(field, message) from None
