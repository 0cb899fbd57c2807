"""Large bodies, read in slices: pieces of a text, and the lines of a file of records.

It knows ASGI's receiving end, memory limits and line ends. It does not know what is made of a piece or a line.

Kinds of bodies: which there are, and what a request says its own is.

It knows media types; how a body of a kind is read, the routes know.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

BUFFER_BYTES = 8 * 1024 * 1024
"""Bytes that a spool keeps in memory; more go to a temporary file."""
READ_BYTES = 256 * 1024


async def gather_chunks(stream: AsyncIterator[bytes], size: int = READ_BYTES) -> AsyncIterator[bytes]:
    """The bytes of `stream`, the small pieces that arrive gathered into pieces of at least `size`."""
    held: list[bytes] = []
    total = 0
    async for piece in stream:
        held.append(piece)
        total += len(piece)
        if total >= size:
            yield b"".join(held)
            held, total = [], 0
    yield b"".join(held)


class BufferedBody:
    """Takes a body in as fast as it comes, and gives it out as fast as it is wanted.

    A client that sends all of its body before it reads any of the answer would otherwise wait for a server that
    waits for it. One that hangs up is noticed at the next read, also after its body has come.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._file = SpooledTemporaryFile[bytes](BUFFER_BYTES)
        self._written = self._read = 0
        self._is_complete = False
        self._changed = asyncio.Event()
        self._filling = asyncio.create_task(self._fill())

    async def read(self) -> bytes:
        """The next bytes, empty at the end. Raises ClientDisconnect, and what else went wrong after what had come."""
        while True:
            failure = self._filling.exception() if self._filling.done() else None
            if failure and (self._read == self._written or isinstance(failure, ClientDisconnect)):
                raise failure
            if self._read < self._written:
                return self._next()
            if self._is_complete:
                return b""
            self._changed.clear()
            await self._changed.wait()

    async def wait_for_disconnect(self) -> None:
        """Returns when the client hangs up. Raises what else is wrong with the body."""
        await asyncio.wait([self._filling])
        failure = self._filling.exception()
        if failure and not isinstance(failure, ClientDisconnect):
            raise failure

    def close(self) -> None:
        """Forget it all."""
        if self._filling.done():
            self._filling.exception()  # whoever reads no more has no use for it
        self._filling.cancel()
        self._file.close()

    def _next(self) -> bytes:
        self._file.seek(self._read)
        data = self._file.read(READ_BYTES)
        self._read += len(data)
        if self._read == self._written:
            self._file.seek(self._file.truncate(0))
            self._read = self._written = 0
        return data

    async def _fill(self) -> None:
        """Take in the body, and wait for the client to hang up: it always ends in an error, or cancelled."""
        try:
            while (message := await self._receive())["type"] == "http.request":
                self._take(message)
            raise ClientDisconnect
        finally:
            self._changed.set()

    def _take(self, message: Message) -> None:
        self._file.seek(self._written)
        self._file.write(message.get("body", b""))
        self._written = self._file.tell()
        self._is_complete = not message.get("more_body", False)
        self._changed.set()


class RecordLine(NamedTuple):
    """A line of a body."""

    number: int
    """From 1."""
    data: bytes | None
    """Without its end; None where it was too long to be kept."""


class LineSplitter:
    """Cuts bytes into lines, none longer than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._number = 0
        self._partial = b""
        self._too_long = False

    def feed(self, data: bytes) -> list[RecordLine]:
        """The lines that `data` completes."""
        *whole, self._partial = (self._partial + data).split(b"\n")
        lines = [self._line(line) for line in whole]
        if len(self._partial) > self._limit:
            self._partial, self._too_long = b"", True
        return lines

    def finish(self) -> list[RecordLine]:
        """The last line, where it lacks its end."""
        return [self._line(self._partial)] if self._partial or self._too_long else []

    def _line(self, data: bytes) -> RecordLine:
        self._number += 1
        kept = None if self._too_long or len(data) > self._limit else data
        self._too_long = False
        return RecordLine(self._number, kept)


JSON = "application/json"


TEXT = "text/plain"


NDJSON = "application/x-ndjson"


STREAMED_TYPES = frozenset([TEXT, NDJSON])
"""Read in slices, so they may be larger than JSON."""


def media_type(headers: Headers) -> str:
    """The media type of a body in lower case, without parameters; empty where none is given."""
    return strip_parameters(headers.get("content-type", ""))


def strip_parameters(content_type: str) -> str:
    """A `Content-Type` in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def get_header(scope: Scope, name: bytes) -> str:
    """A header of a request, the first of that name (in lower case); empty where there is none."""
    # Starlette's `Headers` takes several times as long, which counts where every request is asked for some.
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def unsupported_media_type(headers: Headers, *accepted: str) -> HTTPException:
    """The error for a body of another kind."""
    found = media_type(headers) or "none"
    return HTTPException(415, f"the body's Content-Type must be {' or '.join(accepted)}; it is {found}")
