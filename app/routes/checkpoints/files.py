"""Routes /v1/models/{model}/files: the files of a published model, as they lie on disk.

With them another machine copies a model and checks what it gets: `nextword pull`. The files of a version never change,
so they may be cached for ever; what is sent was compared with its hash in the card before.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from app.core.exceptions import NotFound, RangeNotSatisfiable
from app.engine.registry.snapshot import PublishedModel
from app.http.accept import matches_tag
from app.http.declared_errors import raises
from app.routes.dependencies import InjectedModel
from app.routes.router import resource_router
from app.schemas.model_files import FILE_RESPONSES, RANGE_PATTERN, ModelFileList
from models.checkpoint.card import CARD_FILE, FileDigest
from models.checkpoint.load import FileVerifier, own_file

router = resource_router("models", "/v1/models")
FOREVER = "max-age=31536000, immutable"
"""Caching of the files of `name@version`: a year, and nobody need ask again."""
FileName = Annotated[
    str,
    Path(
        description="Name of the file, as in the list.",
        openapi_examples={"name": {"summary": "the card, which every model has", "value": CARD_FILE}},
    ),
]
IfNoneMatch = Annotated[str | None, Header(include_in_schema=False)]
ByteRange = Annotated[str | None, Header(alias="range", pattern=f"^{RANGE_PATTERN}$", include_in_schema=False)]
"""Headers of HTTP itself, which clients send by themselves."""


@router.get("/{model}/files", response_model=ModelFileList, summary="List a model's files")
async def list_model_files(published: InjectedModel) -> dict[str, Any]:
    """List the files of a model with their sizes and hashes, by which a copy is verified."""
    card = published.card
    digests = {CARD_FILE: await run_in_threadpool(_card_digest, published), **card.files}
    return {
        "object": "list",
        "model": published.id,
        "data": [{"name": name, "bytes": file.size, "sha256": file.sha256} for name, file in digests.items()],
        "members": [member.model for member in card.members],
        "has_more": False,
    }


@router.get(
    "/{model}/files/{file}", response_class=FileResponse, responses=FILE_RESPONSES, summary="Fetch a model's file"
)
@raises(NotFound, RangeNotSatisfiable)
async def fetch_model_file(
    request: Request,
    published: InjectedModel,
    model: str,
    file: FileName,
    if_none_match: IfNoneMatch = None,
    byte_range: ByteRange = None,
) -> Response:
    """Send a file of a model, or the part of it that `Range` asks for to continue a broken copy.

    `Range` has one range: `bytes=1000-`, `bytes=0-99` or, of the end, `bytes=-100`. `If-None-Match` with the hash of a
    copy, in quotes, is answered by status 304 where that is the file.
    """
    card = published.card
    if file not in (CARD_FILE, *card.files):
        raise NotFound(f"{published.id} has no file {file!r}; it has: {', '.join((CARD_FILE, *card.files))}")
    digest = await run_in_threadpool(_card_digest, published) if file == CARD_FILE else card.files[file]
    headers = {"etag": f'"{digest.sha256}"', "cache-control": FOREVER if model == published.id else "no-cache"}
    if if_none_match and matches_tag(headers["etag"], if_none_match):
        return Response(status_code=304, headers=headers)
    check_range(byte_range, digest.size)
    path = await run_in_threadpool(_sound_path, request.app.state.verifier, published, file, digest)
    return FileResponse(path, headers=headers, media_type="application/octet-stream")


def check_range(byte_range: str | None, size: int) -> None:
    """Raise RangeNotSatisfiable where a file of `size` bytes has none of a range, such as `bytes=100-`.

    >>> check_range("bytes=0-99", 10)
    """
    if byte_range:
        first, _, last = byte_range.removeprefix("bytes=").partition("-")
        begin, end = (int(first), int(last or size)) if first else (size - int(last), size - 1)
        if not begin <= end or begin >= size:
            raise RangeNotSatisfiable(f"the file has {size} bytes, and none of {byte_range}", size)


def _card_digest(published: PublishedModel) -> FileDigest:
    """Return the digest of a card, which no other file holds. Raises CheckpointDamaged where it is gone."""
    return FileDigest.of(own_file(published.ref.path, CARD_FILE))


def _sound_path(verifier: FileVerifier, published: PublishedModel, name: str, digest: FileDigest) -> str:
    """Return where to read a file that has its digest. Raises CheckpointDamaged where it has another."""
    file = own_file(published.ref.path, name)
    return str(file if name == CARD_FILE else verifier.verify(file, digest))
