"""Routes of uploaded files (/v1/files), in the shapes of OpenAI's files API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from app.core.exceptions import (
    Conflict,
    DatabaseUnavailable,
    DiskFull,
    FileInUse,
    FileTooLarge,
    NotFound,
    QuotaReached,
    StoreUnavailable,
)
from app.http.api_key import api_key_of
from app.http.declared_errors import raises
from app.http.multipart_upload import MultipartUpload
from app.http.request_body import charset, gather_chunks, media_type
from app.routes.router import resource_router
from app.schemas.files import (
    CONTENT_RESPONSES,
    DEFAULT_PURPOSE,
    PURPOSE_ACCEPTED,
    PURPOSE_PATTERN,
    FileAnswer,
    FileDeleted,
    FileList,
    FilesQuery,
    UploadQuery,
)
from app.storage.files.file_store import FileStore, StoredFile
from app.storage.files.upload import Upload
from models.errors import InvalidInput, InvalidText
from models.utils.file_kinds import ARRAY_MAGIC

router = resource_router("files", "/v1/files")
FORM_TYPE = "multipart/form-data"
FORM_FIELDS = frozenset({"purpose", "encoding"})
_WRITE_BYTES = 1 << 18
"""Bytes gathered before they are written to disk: of a thousand uploads that stand still, no more is held."""
FileId = Annotated[str, Path(description="Id of the file.", examples=["file-sample"])]
OwnFileId = Annotated[str, Path(description="Id of the file.", examples=["file-0123456789abcdef01234567"])]
_UPLOAD_OPENAPI = {
    "requestBody": {
        "required": True,
        "content": {
            FORM_TYPE: {
                "schema": {
                    "type": "object",
                    "title": "UploadForm",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "Text, which may be compressed, or an array, tokenizer or model.",
                        },
                    },
                }
            },
            "text/plain": {"schema": {"type": "string", "minLength": 1}, "example": "the cat sat\nthe dog ran\n"},
        },
    }
}


@router.post("", response_model=FileAnswer, status_code=201, openapi_extra=_UPLOAD_OPENAPI, summary="Upload a text")
@raises(InvalidText, FileTooLarge, DiskFull, QuotaReached, DatabaseUnavailable, StoreUnavailable)
async def upload(request: Request, query: Annotated[UploadQuery, Query()]) -> dict[str, Any]:
    """Store text or an array in NumPy's format, sent as a form or as a plain body, as it arrives.

    Text may be compressed (gzip, bzip2, xz, Zstandard), told by its first bytes; then what it holds counts for the
    limit. It is UTF-8 unless `encoding` or the `charset` of the Content-Type says otherwise; jobs read it as that. A
    SentencePiece model and a binary of KenLM are accepted too. The same text under the same name and purpose is the
    same file, however often it is sent. A form may have `purpose` and `encoding` as fields before its `file`, as
    OpenAI's clients send them, instead of the parameters of these names.
    """
    files: FileStore = request.app.state.stores.files
    api_key = api_key_of(request)
    is_form = media_type(request.headers) == FORM_TYPE
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isdecimal() and not is_form else 1
    await run_in_threadpool(files.check_quota, api_key, size)  # before the body is read
    form = MultipartUpload(request.headers["content-type"], FORM_FIELDS) if is_form else None
    with await run_in_threadpool(files.begin_upload) as incoming:
        if encoding := query.encoding or charset(request.headers):
            incoming.read_as(encoding)
        await write_upload(gather_chunks(request.stream(), _WRITE_BYTES), incoming, form)
        fields = {} if form is None else {**form.fields, "filename": form.filename}
        name = query.filename or fields.get("filename") or "upload.txt"
        file = await run_in_threadpool(files.store_upload, incoming, _file_name(name), _purpose(query, fields), api_key)
    return _file_content(file)


@router.get("", response_model=FileList, summary="List the files")
@raises(DatabaseUnavailable)
def list_files(request: Request, query: Annotated[FilesQuery, Query()]) -> dict[str, Any]:
    """List uploaded files, newest first."""
    page, more = request.app.state.stores.files.page(query.purpose, query.after, query.limit)
    return {"object": "list", "data": [_file_content(file) for file in page], "has_more": more}


@router.get("/{file_id}", response_model=FileAnswer, summary="Describe a file")
@raises(NotFound, DatabaseUnavailable)
def describe_file(request: Request, file_id: FileId) -> dict[str, Any]:
    """Describe a file."""
    return _file_content(request.app.state.stores.files.get(file_id))


@router.get("/{file_id}/content", response_class=FileResponse, responses=CONTENT_RESPONSES, summary="Fetch a file")
@raises(NotFound, DiskFull, DatabaseUnavailable, StoreUnavailable)
def fetch_file(request: Request, file_id: FileId) -> FileResponse:
    """Return the bytes of a file, as they were uploaded."""
    files: FileStore = request.app.state.stores.files
    path, name = files.path(file_id), files.get(file_id).filename
    with path.open("rb") as file:
        is_array = file.read(len(ARRAY_MAGIC)) == ARRAY_MAGIC
    return FileResponse(path, media_type="application/octet-stream" if is_array else "text/plain", filename=name)


@router.delete("/{file_id}", response_model=FileDeleted, summary="Delete a file")
@raises(NotFound, Conflict, FileInUse, DatabaseUnavailable)
def delete_file(request: Request, file_id: OwnFileId) -> dict[str, Any]:
    """Delete a file, unless an unfinished job needs it."""
    request.app.state.stores.files.delete(file_id)
    return {"id": file_id, "object": "file", "deleted": True}


async def write_upload(body: AsyncIterator[bytes], incoming: Upload, form: MultipartUpload | None) -> None:
    """Write a file as it arrives, by itself or in a form. Raises as `Upload` and `MultipartUpload` do."""
    encoding: str | None = None  # that stands in the form before the file
    async for piece in body:
        data = piece if form is None else form.feed(piece)
        if form is not None and data and encoding is None:
            encoding = form.fields.get("encoding", "")
            if encoding:
                incoming.read_as(encoding)
        await run_in_threadpool(incoming.write, data)
    if form is not None:
        form.finish()
        if form.fields.get("encoding", "") != (encoding or ""):
            raise InvalidInput("encoding", "must stand before the file in the form")


def _purpose(query: UploadQuery, fields: dict[str, Any]) -> str:
    purpose = query.purpose or str(fields.get("purpose") or DEFAULT_PURPOSE)
    if not re.fullmatch(PURPOSE_PATTERN, purpose):
        raise InvalidInput("purpose", f"must be {PURPOSE_ACCEPTED}")
    return purpose


def _file_name(path: str) -> str:
    """Return the last part of a path; the uploader's directories are dropped."""
    name = PurePosixPath(path.replace("\\", "/")).name
    if name in ("", "..") or len(name.encode()) > 255 or not name.isprintable():
        raise InvalidInput("filename", "must be printable, of at most 255 bytes")
    return name


def _file_content(file: StoredFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created_at),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "sha256": file.sha256,
        "encoding": file.encoding,
        "content_bytes": file.content_bytes,
    }
