"""A request's time: it is up in the block that answers, with the reason that counts."""

import asyncio
import math
import time

import pytest

from app.core.exceptions import RequestTimeout, ServerStopping
from app.middleware.in_flight import RequestDeadline


async def forever() -> None:
    await asyncio.Event().wait()


async def ended(deadline: RequestDeadline) -> None:
    async with deadline.enforce():
        await forever()


def test_deadline_ends_what_takes_too_long_and_nothing_else() -> None:
    async def main() -> None:
        with pytest.raises(RequestTimeout, match=r"0\.01 seconds"):
            await ended(RequestDeadline(0.01))
        async with RequestDeadline(60).enforce():
            pass
        with pytest.raises(TimeoutError):  # of the block's own
            async with RequestDeadline(60).enforce():
                raise TimeoutError

    asyncio.run(main())


def test_deadline_of_the_innermost_block_counts() -> None:
    async def main() -> list[str]:
        deadline, seen = RequestDeadline(0.01), []
        async with deadline.enforce():
            with pytest.raises(RequestTimeout):
                await ended(deadline)
            await asyncio.sleep(0.02)  # the answer has begun: it is not cut off any more
            seen.append("ended by itself")
        return seen

    assert asyncio.run(main()) == ["ended by itself"]


def test_deadline_leaves_no_time_to_a_block_that_begins_as_the_outer_one_ends() -> None:
    async def late(deadline: RequestDeadline) -> None:
        time.sleep(0.02)  # the loop is late, and will find the time up
        for _ in range(2):  # at the second turn it has, and the block around has yet to be told
            await asyncio.sleep(0)
        await ended(deadline)

    async def main() -> None:
        deadline = RequestDeadline(0.01)
        inner = asyncio.ensure_future(late(deadline))
        with pytest.raises(RequestTimeout):
            async with deadline.enforce():
                await asyncio.shield(inner)
        with pytest.raises(RequestTimeout):
            await inner

    asyncio.run(main())


@pytest.mark.parametrize("seconds", [60, math.inf])
def test_deadline_can_be_shortened_and_never_prolonged(seconds: float) -> None:
    async def main() -> None:
        deadline = RequestDeadline(seconds)
        ending = asyncio.ensure_future(ended(deadline))
        await asyncio.sleep(0)
        deadline.shorten(0.01, ServerStopping("going down"))
        deadline.shorten(1000, RequestTimeout("later"))
        with pytest.raises(ServerStopping):
            await ending
        late = RequestDeadline(60)  # cut before its block begins, as a request may be
        late.shorten(0, ServerStopping("going down"))
        with pytest.raises(ServerStopping):
            await ended(late)

    asyncio.run(main())
