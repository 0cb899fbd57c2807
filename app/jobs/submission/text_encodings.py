"""Encoding of the files of a job: the one that a request says, or that they were uploaded with."""

from __future__ import annotations

from app.core.exceptions import NotFound
from app.schemas.jobs.import_job import ImportJob
from app.schemas.jobs.requests import JobRequest
from app.schemas.jobs.selection_jobs import RecordsJob
from app.storage.files.file_store import FileStore
from models.data.encoding_names import UTF_8, check_encoding
from models.errors import InvalidInput


def find_encoding(files: FileStore, request: JobRequest) -> str | None:
    """Return the encoding that the texts of a request were uploaded with.

    None where it is UTF-8, and where the request says one itself.

    Raises InvalidInput for an unknown encoding, and for files of several.
    """
    if isinstance(request, ImportJob | RecordsJob):
        return None
    if request.encoding is not None:
        check_encoding(request.encoding)
        return None
    encodings = {_uploaded_encoding(files, file) for file in _texts(request)} - {None}
    if len(encodings) > 1:
        names = " and ".join(sorted(str(name) for name in encodings))
        raise InvalidInput("encoding", f"must be one for all files, and they were uploaded as {names}")
    encoding = encodings.pop() if encodings else UTF_8
    return None if encoding == UTF_8 else encoding


def _texts(request: JobRequest) -> list[str]:
    """Return the ids of the files of text."""
    return [*request.training_files, *([] if request.validation_file is None else [request.validation_file])]


def _uploaded_encoding(files: FileStore, file_id: str) -> str | None:
    """Return the encoding of a file; None where there is no such file, which others tell."""
    try:
        return files.get(file_id).encoding or UTF_8
    except NotFound:
        return None
