"""Route GET /v1/models/{model}/export: an n-gram model as text for other programs, streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from app.core.exceptions import ModelFailed
from app.http.declared_errors import raises
from app.http.request_body import TEXT
from app.http.streaming import ManagedStream
from app.routes.dependencies import InjectedModelRequest, ModelRequest
from app.schemas.models import EXPORT_RESPONSES, ExportQuery
from models.errors import UnsupportedByModel
from models.ngram.config import ExportFormat
from models.ngram.formats.export import export_table
from models.ngram.model import NgramModel

router = APIRouter(prefix="/v1/models", tags=["models"])
ENDINGS: dict[ExportFormat, str] = {
    "arpa": "arpa",
    "unigrams": "unigrams.txt",
    "openfst": "fst.txt",
    "symbols": "symbols.txt",
}
"""Ending of the file's name for each format."""


@router.get(
    "/{model}/export", response_class=StreamingResponse, responses=EXPORT_RESPONSES, summary="Export an n-gram model"
)
@raises(ModelFailed, UnsupportedByModel)
async def export_model(request: InjectedModelRequest, query: Annotated[ExportQuery, Query()]) -> ManagedStream:
    """Write an n-gram model as UTF-8 text: ARPA, its words, or OpenFst's text of a bigram model.

    The text is sent as it is written, so that none of it waits in memory; it stops when the client hangs up. What is
    cut short by an error ends without its last line (`\\\\end\\\\` of ARPA), with the error in place of the rest.
    """
    model, tokenizer = request.checkpoint.model, request.checkpoint.tokenizer
    if not isinstance(model, NgramModel):
        raise request.checkpoint.unsupported_error("be exported: that is for n-gram models")
    async with AsyncExitStack() as stack:
        stack.enter_context(request.reserve())
        opening = _open(model, tokenizer.ngram_words(), query.format, tokenizer.public_ids)
        pieces = await request.engine.compute(model, opening, 0)  # what cannot be written fails before the first byte
        stream = ManagedStream(
            _encode(request, pieces), f"{TEXT}; charset=utf-8", stack.pop_all(), format_error=_format_error
        )
    name = f"{request.served.id}.{ENDINGS[query.format]}"
    stream.headers["content-disposition"] = f'attachment; filename="{name}"'
    return stream


def _open(model: NgramModel, *arguments: Any) -> Generator[None, None, Iterator[str]]:
    """Begin to write, as work of the engine: all words are looked at first."""
    yield
    return export_table(model.table, *arguments)


async def _encode(request: ModelRequest, pieces: Iterator[str]) -> AsyncGenerator[bytes, None]:
    """Yield the pieces of the text, each written as work of the engine when the one before has been sent."""
    while piece := await request.engine.compute(request.checkpoint.model, _next_piece(pieces), 0):
        yield piece


def _next_piece(pieces: Iterator[str]) -> Generator[None, None, bytes]:
    yield
    return next((piece for piece in pieces if piece), "").encode()


def _format_error(content: dict[str, Any]) -> bytes:
    """Return the last line of a text that could not be written to its end."""
    return f"\nerror: {content['error']['message']}\n".encode()
