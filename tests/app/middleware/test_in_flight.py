"""A request's time: it is up in the block that answers, with the reason that counts."""

import asyncio
import math
import time

import pytest

from app.core.exceptions import Stopping, TimedOut
from app.middleware.in_flight import Ticket


async def forever() -> None:
    await asyncio.Event().wait()


async def ended(ticket: Ticket) -> None:
    async with ticket.limit():
        await forever()


def test_it_ends_what_takes_too_long_and_nothing_else() -> None:
    async def main() -> None:
        with pytest.raises(TimedOut, match=r"0\.01 seconds"):
            await ended(Ticket(0.01))
        async with Ticket(60).limit():
            pass
        with pytest.raises(TimeoutError):  # of the block's own
            async with Ticket(60).limit():
                raise TimeoutError

    asyncio.run(main())


def test_the_innermost_block_counts() -> None:
    async def main() -> list[str]:
        ticket, seen = Ticket(0.01), []
        async with ticket.limit():
            with pytest.raises(TimedOut):
                await ended(ticket)
            await asyncio.sleep(0.02)  # the answer has begun: it is not cut off any more
            seen.append("ended by itself")
        return seen

    assert asyncio.run(main()) == ["ended by itself"]


def test_a_block_that_begins_as_the_one_around_it_ends_has_no_time() -> None:
    async def late(ticket: Ticket) -> None:
        time.sleep(0.02)  # the loop is late, and will find the time up
        for _ in range(2):  # at the second turn it has, and the block around has yet to be told
            await asyncio.sleep(0)
        await ended(ticket)

    async def main() -> None:
        ticket = Ticket(0.01)
        inner = asyncio.ensure_future(late(ticket))
        with pytest.raises(TimedOut):
            async with ticket.limit():
                await asyncio.shield(inner)
        with pytest.raises(TimedOut):
            await inner

    asyncio.run(main())


@pytest.mark.parametrize("seconds", [60, math.inf])
def test_it_can_be_cut_short_and_never_prolonged(seconds: float) -> None:
    async def main() -> None:
        ticket = Ticket(seconds)
        ending = asyncio.ensure_future(ended(ticket))
        await asyncio.sleep(0)
        ticket.cut(0.01, Stopping("going down"))
        ticket.cut(1000, TimedOut("later"))
        with pytest.raises(Stopping):
            await ending
        late = Ticket(60)  # cut before its block begins, as a request may be
        late.cut(0, Stopping("going down"))
        with pytest.raises(Stopping):
            await ended(late)

    asyncio.run(main())
