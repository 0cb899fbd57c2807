"""Work for a client that may hang up before it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from app.core.exceptions import RequestAbandoned

Result = TypeVar("Result")
WaitForDisconnect: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when the client hangs up."""


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
