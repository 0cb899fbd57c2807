"""Query parameters and response bodies of uploaded files, in the shapes of OpenAI's files API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.schemas.base import QueryParameters, ResponseBody, described_as

PURPOSE_PATTERN = r"[a-z][a-z0-9_-]{0,31}"
DEFAULT_PURPOSE = "training"
PURPOSE_ACCEPTED = "1 to 32 of a-z, 0-9, '_' and '-', the first of them a letter"
"""The pattern in words."""


class FileAnswer(ResponseBody):
    """An uploaded file."""

    id: str = Field(description="Its id.", examples=["file-0123456789abcdef01234567"])
    object: Literal["file"] = Field(description="Always `file`.")
    bytes: int = Field(description="Its size.")
    created_at: int = Field(description="When it was first uploaded, in seconds since 1970.")
    filename: str = Field(description="File name given by the uploader.", examples=["corpus.txt"])
    purpose: str = Field(description="Purpose given by the uploader.", examples=["training"])
    status: Literal["processed"] = Field(description="Always `processed`: files are checked while they are uploaded.")
    sha256: str = Field(description="Hash of its bytes.")
    encoding: str | None = Field(
        description="Encoding of its text that the uploader named, which jobs read it as; null: UTF-8, UTF-16 or "
        "UTF-32 with a byte order mark, or no text."
    )
    content_bytes: int = Field(description="Size of what it holds: more than `bytes` where it is compressed.")


class FileList(ResponseBody):
    """A page of files, newest first."""

    object: Literal["list"] = Field(description="Always `list`.")
    data: list[FileAnswer] = Field(description="The files.")
    has_more: bool = Field(description="Whether there are older ones: ask again with `after` the last id.")


class FileDeleted(ResponseBody):
    """Confirmation that a file was deleted."""

    id: str = Field(description="Its id.")
    object: Literal["file"] = Field(description="Always `file`.")
    deleted: Literal[True] = Field(description="Always true.")


class FilesQuery(QueryParameters):
    """Query parameters of the list of files."""

    purpose: str | None = Field(None, description="Only files with this purpose.", examples=["sample"])
    after: str | None = Field(None, description="Only files older than this one.")
    limit: int = Field(20, ge=1, le=100, description="Most files on a page.")


Purpose = Annotated[
    str,
    Field(pattern=f"^{PURPOSE_PATTERN}$"),
    described_as(PURPOSE_ACCEPTED),
]


class UploadQuery(QueryParameters):
    """Query parameters of an upload; a form may have the fields `purpose` and `encoding` instead."""

    purpose: Purpose | None = Field(
        None,
        description="Its purpose, by which lists of files can be narrowed.",
        json_schema_extra={"default": DEFAULT_PURPOSE},
    )
    filename: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="Its name; unset: that of the form's file, or `upload.txt`.",
        examples=["cats.txt"],
    )
    encoding: str | None = Field(
        None,
        description="Encoding of the text, as latin-1 or utf-16-le; unset: the Content-Type's `charset`, or UTF-8.",
    )


CONTENT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The bytes of the file.",
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
