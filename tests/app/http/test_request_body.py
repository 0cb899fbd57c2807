"""Large bodies: whatever the pieces they come in, the same lines."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.http.request_body import BufferedBody, LineSplitter, RecordLine, gather_chunks

PIECES = st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\x00", b"\n")), max_size=12)


@given(PIECES)
def test_line_splitter_gives_the_lines_of_the_whole(found: list[bytes]) -> None:
    lines = LineSplitter(limit=5)
    cut = [line for piece in found for line in lines.feed(piece)] + lines.finish()
    whole = b"".join(found).split(b"\n")
    if not whole[-1]:
        whole.pop()
    assert cut == [RecordLine(i, line if len(line) <= 5 else None) for i, line in enumerate(whole, 1)]


@given(PIECES, st.integers(1, 20))
def test_gather_chunks_joins_to_the_whole(found: list[bytes], size: int) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for piece in found:
            yield piece

    async def gather() -> list[bytes]:
        return [piece async for piece in gather_chunks(stream(), size)]

    gathered = asyncio.run(gather())
    assert b"".join(gathered) == b"".join(found)
    assert all(len(piece) >= size for piece in gathered[:-1])


def spooled(messages: list[Message]) -> list[bytes]:
    async def read() -> list[bytes]:
        waiting = iter(messages)

        async def receive() -> Message:
            await asyncio.sleep(0)
            for message in waiting:
                return message
            return await asyncio.Future()  # nothing more comes, and nobody hangs up

        body = BufferedBody(receive)
        try:
            found = []
            while data := await body.read():
                found.append(data)
            return found
        finally:
            body.close()

    return asyncio.run(read())


@given(PIECES)
def test_buffered_body_gives_out_what_it_takes_in(found: list[bytes]) -> None:
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in found]
    assert b"".join(spooled([*messages, {"type": "http.request"}])) == b"".join(found)


HELD = {"type": "http.request", "body": b"abc", "more_body": True}
WHOLE = {"type": "http.request", "body": b"abc"}
GONE = {"type": "http.disconnect"}


@pytest.mark.parametrize("messages", [[GONE], [HELD, GONE]])
def test_buffered_body_notices_a_client_that_hangs_up(messages: list[Message]) -> None:
    with pytest.raises(ClientDisconnect):
        spooled(messages)


def test_buffered_body_notices_a_hang_up_after_the_body_too() -> None:
    async def main() -> None:
        messages = iter([WHOLE, GONE])

        async def receive() -> Message:
            return next(messages)

        body = BufferedBody(receive)
        await asyncio.sleep(0.01)
        with pytest.raises(ClientDisconnect):
            await body.read()
        body.close()

    asyncio.run(main())


def test_buffered_body_gives_out_what_came_before_an_error_first() -> None:
    async def main() -> None:
        messages = iter([HELD, HELD])

        async def receive() -> Message:
            for message in messages:
                return message
            raise ValueError("too large")

        body = BufferedBody(receive)
        await asyncio.sleep(0.01)
        assert await body.read() == b"abcabc"
        with pytest.raises(ValueError, match="too large"):
            await body.read()
        body.close()

    asyncio.run(main())
