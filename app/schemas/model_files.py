"""Response bodies about the files of a published model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from app.schemas.base import ResponseBody


class ModelFile(ResponseBody):
    """A file of a published model."""

    name: str = Field(description="Its name.", examples=["weights.safetensors"])
    bytes: int = Field(description="Its size.")
    sha256: str = Field(description="Hash of its bytes, as 64 lower-case hexadecimal digits.")


class ModelFileList(ResponseBody):
    """List of the files of a model, the card first."""

    object: Literal["list"] = Field(description="Always `list`.")
    model: str = Field(description="The model, as `name@version`.", examples=["gutenberg-kn@1"])
    data: list[ModelFile] = Field(description="The files; a model made of others has a card alone.")
    members: list[str] = Field(description="Models that it is made of, as `name@version`, whose files it needs.")
    has_more: bool = Field(description="Always false: the list is whole.")


RANGE_PATTERN = r"bytes=(\d{1,18}-\d{0,18}|-\d{1,18})"
"""One range of bytes; several at once are not sent."""
_HEADERS: dict[str, Any] = {
    "etag": {"description": "SHA-256 of the file, in quotes.", "schema": {"type": "string"}},
    "cache-control": {
        "description": "`max-age=31536000, immutable` where the path names a version, `no-cache` otherwise.",
        "schema": {"type": "string"},
    },
}
_CONTENT: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The bytes of the file.", "headers": _HEADERS, "content": _CONTENT},
    206: {"description": "The bytes that `Range` asks for.", "headers": _HEADERS, "content": _CONTENT},
    304: {"description": "The file is the one that `If-None-Match` names."},
}
