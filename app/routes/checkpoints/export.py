"""Route GET /v1/models/{model}/export: a model in a format of other programs, streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import AsyncExitStack
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Query
from fastapi.responses import StreamingResponse

from app.core.exceptions import ModelFailed
from app.http.declared_errors import raises
from app.http.request_body import TEXT
from app.http.streaming import ManagedStream
from app.routes.dependencies import ModelRequest, model_injector
from app.routes.router import resource_router
from app.schemas.models import EXPORT_RESPONSES, ExportQuery
from models.checkpoint.export import ModelFormat, export_file
from models.checkpoint.load import Checkpoint
from models.errors import UnsupportedByModel

router = resource_router("models", "/v1/models")
ExportedModelRequest = Annotated[ModelRequest, Depends(model_injector("students", "a tiny n-gram model"))]
_UTF_8 = f"{TEXT}; charset=utf-8"


class _File(NamedTuple):
    """Kind of a file."""

    ending: str
    media_type: str


FILES: dict[ModelFormat, _File] = {
    "arpa": _File("arpa", _UTF_8),
    "unigrams": _File("unigrams.txt", _UTF_8),
    "openfst": _File("fst.txt", _UTF_8),
    "symbols": _File("symbols.txt", _UTF_8),
    "onnx": _File("onnx", "application/octet-stream"),
}
"""Ending of the file's name and its media type for each format."""


@router.get("/{model}/export", response_class=StreamingResponse, responses=EXPORT_RESPONSES, summary="Export a model")
@raises(ModelFailed, UnsupportedByModel)
async def export_model(request: ExportedModelRequest, query: Annotated[ExportQuery, Query()]) -> ManagedStream:
    """Write a model for other programs: an n-gram model as text, a recurrent one as ONNX.

    The text is sent as it is written, so that none of it waits in memory; it stops when the client hangs up. What is
    cut short by an error ends without its last line (`\\end\\` of ARPA), with the error in place of the rest.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(request.reserve())
        opening = _open(request.checkpoint, query.format, request.served.id)
        # What cannot be written fails before the first byte.
        pieces = await request.engine.compute(request.checkpoint.model, opening, 0)
        file = FILES[query.format]
        stream = ManagedStream(_send(request, pieces), file.media_type, stack.pop_all(), format_error=_format_error)
    stream.headers["content-disposition"] = f'attachment; filename="{request.served.id}.{file.ending}"'
    return stream


def _open(checkpoint: Checkpoint, *arguments: Any) -> Generator[None, None, Iterator[bytes]]:
    """Begin to write, as work of the engine: all words are looked at first."""
    yield
    return export_file(checkpoint, *arguments)


async def _send(request: ModelRequest, pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the pieces, each written as work of the engine when the one before has been sent."""
    while piece := await request.engine.compute(request.checkpoint.model, _next_piece(pieces), 0):
        yield piece


def _next_piece(pieces: Iterator[bytes]) -> Generator[None, None, bytes]:
    yield
    return next(pieces, b"")


def _format_error(content: dict[str, Any]) -> bytes:
    """Return the last line of a text that could not be written to its end."""
    return f"\nerror: {content['error']['message']}\n".encode()
