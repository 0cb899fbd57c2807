"""Query parameters and response bodies of uploaded files, in the shapes of OpenAI's files API."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.schemas.base import QueryParameters, ResponseBody

PURPOSE_PATTERN = r"[a-z][a-z0-9_-]{0,31}"


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

    purpose: str | None = Field(None, description="Only files with this purpose.")
    after: str | None = Field(None, description="Only files older than this one.")
    limit: int = Field(20, ge=1, le=100, description="Most files on a page.")


class UploadQuery(QueryParameters):
    """Query parameters of an upload that is not a form; a form has fields for them."""

    purpose: str | None = Field(None, pattern=f"^{PURPOSE_PATTERN}$", description="Its purpose; `training` if unset.")
    filename: str | None = Field(None, min_length=1, max_length=255, description="Its name; `upload.txt` if unset.")
