"""Bodies of requests: their media types, and large ones read as a stream of bytes or of lines.

BufferedBody decouples a client that sends from a route that reads; LineSplitter cuts bytes into numbered lines.
`await_unless_disconnected` drops work whose client hangs up.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from tempfile import SpooledTemporaryFile
from typing import NamedTuple, TypeAlias, TypeVar

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from app.core.exceptions import RequestAbandoned
from app.http.accept import strip_parameters
from app.http.arriving_body import ArrivingBody

Result = TypeVar("Result")
WaitForDisconnect: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when the client hangs up."""
JSON = "application/json"
TEXT = "text/plain"
NDJSON = "application/x-ndjson"
STREAMED_TYPES = frozenset([TEXT, NDJSON])
"""Media types that are read in pieces, where a route reads so, and then may be larger than JSON."""
FILES_PATH = "/v1/files"
"""Path at which bodies of any media type are files."""
_STREAMED_PATH = re.compile(r"/v1/models/[^/]+/perplexity")
"""Path of the route that reads bodies in pieces; elsewhere, a body of such a type would be held in memory."""
BUFFER_BYTES = 8 * 1024 * 1024
"""Bytes of a body that are kept in memory; more go to a temporary file."""
READ_BYTES = 256 * 1024
"""Bytes that a route is given at a time."""


def media_type(headers: Headers) -> str:
    """Return the media type of a body in lower case, without parameters; empty where none is given."""
    return strip_parameters(headers.get("content-type", ""))


def charset(headers: Headers) -> str:
    """Return the charset that a body's type names; empty where it names none, or UTF-8 and so nothing new."""
    name = parse_options_header(headers.get("content-type"))[1].get(b"charset", b"").decode("latin-1")
    return "" if name.lower() in ("utf-8", "utf8") else name


def get_header(scope: Scope, name: bytes) -> str:
    """Return a request's first header of a name in lower case, or "" where there is none.

    Every request is asked for some: one takes 0.3 us, by Starlette's `Headers` 0.8 us.
    """
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def is_streamed(scope: Scope) -> bool:
    """Return whether a body is read in pieces that memory does not hold: text, records, files."""
    if scope["path"] == FILES_PATH:
        return True
    if _STREAMED_PATH.fullmatch(scope["path"]) is None:
        return False
    return strip_parameters(get_header(scope, b"content-type")) in STREAMED_TYPES


def unsupported_media_type(headers: Headers, *accepted: str) -> HTTPException:
    """Return the error for a body of another type than those accepted."""
    actual = media_type(headers) or "none"
    return HTTPException(415, f"the body's Content-Type must be {' or '.join(accepted)}; it is {actual}")


async def gather_chunks(stream: AsyncIterator[bytes], size: int = READ_BYTES) -> AsyncIterator[bytes]:
    """Yield the bytes of `stream`, small pieces joined to pieces of at least `size` bytes."""
    pieces: list[bytes] = []
    total = 0
    async for piece in stream:
        pieces.append(piece)
        total += len(piece)
        if total >= size:
            yield b"".join(pieces)
            pieces, total = [], 0
    yield b"".join(pieces)


class BufferedBody:
    """A body taken in as fast as it comes and read as fast as it is needed.

    Otherwise a client that sends its whole body before it reads any of the answer, and a server that answers as it
    reads, would wait for each other. A client that hangs up is noticed at the next read, even after its body has come.
    """

    def __init__(self, receive: Receive, arriving: ArrivingBody | None = None) -> None:
        """`arriving` is told when a route waits for more of the body."""
        self._receive = receive
        self.while_waiting: Callable[[], AbstractContextManager[None]] = nullcontext
        """Makes the context in which the client is waited for."""
        self._arriving = arriving or ArrivingBody()
        self._file = SpooledTemporaryFile[bytes](BUFFER_BYTES)
        self._written = self._read = 0
        self._is_complete = False
        self._changed = asyncio.Event()
        self._filling = asyncio.create_task(self._fill())

    async def read(self) -> bytes:
        """Return the next bytes, empty at the end. Raises ClientDisconnect at once, other errors at the end."""
        while True:
            failure = self._filling.exception() if self._filling.done() else None
            if failure and (self._read == self._written or isinstance(failure, ClientDisconnect)):
                raise failure
            if self._read < self._written:
                return self._next()
            if self._is_complete:
                return b""
            self._changed.clear()
            self._arriving.awaited = True
            with self.while_waiting():
                await self._changed.wait()
            self._arriving.awaited = False

    async def wait_for_disconnect(self) -> None:
        """Return when the client hangs up. Raises whatever else is wrong with the body."""
        await asyncio.wait([self._filling])
        failure = self._filling.exception()
        if failure and not isinstance(failure, ClientDisconnect):
            raise failure

    def close(self) -> None:
        """Drop the body and stop taking it in."""
        if self._filling.done():
            self._filling.exception()  # marks it as seen: asyncio would log it otherwise
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
        """Take in the body, then wait for the client to hang up; always ends in an error, or cancelled."""
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
    """A line of a body, with its number."""

    number: int
    """From 1."""
    data: bytes | None
    """Without its end; None where it was too long to be kept."""


class LineSplitter:
    """A cutter of bytes into lines of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._number = 0
        self._partial = b""
        self._too_long = False

    def feed(self, data: bytes) -> list[RecordLine]:
        """Return the lines that `data` completes."""
        *complete, self._partial = (self._partial + data).split(b"\n")
        lines = [self._line(line) for line in complete]
        if len(self._partial) > self._limit:
            self._partial, self._too_long = b"", True
        return lines

    def finish(self) -> list[RecordLine]:
        """Return the last line, where it lacks its end."""
        return [self._line(self._partial)] if self._partial or self._too_long else []

    def _line(self, data: bytes) -> RecordLine:
        self._number += 1
        is_too_long = self._too_long or len(data) > self._limit
        self._too_long = False
        return RecordLine(self._number, None if is_too_long else data)


async def await_unless_disconnected(wait_for_disconnect: WaitForDisconnect, work: asyncio.Future[Result]) -> Result:
    """Return the result of `work`; cancel it and raise RequestAbandoned when the client hangs up first."""
    watcher = asyncio.ensure_future(wait_for_disconnect())
    watcher.add_done_callback(lambda _: work.cancel())
    task = asyncio.current_task()
    try:
        return await work  # itself: waiting for either takes two more turns of a loop that may be busy
    except asyncio.CancelledError:
        if not watcher.done() or (task and task.cancelling()):
            raise
        watcher.result()
        raise RequestAbandoned("the client hung up") from None
    finally:
        watcher.cancel()
        watcher.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody else asks
        work.cancel()
