"""Limits of one API key a minute, of requests and of tokens, and the headers that tell of them.

`MinuteLimit` gives out slices that `KeyUsage` takes from the database, so that a limit holds for all server processes
together and few requests wait for a query. While the database is away, each process counts for itself.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Collection
from time import monotonic

from app.core.api_keys import ApiKey
from app.core.exceptions import DatabaseUnavailable, LimitReached
from app.storage.key_usage import WINDOW_SECONDS, KeyUsage, Kind, Slice

logger = logging.getLogger(__name__)
Headers = list[tuple[bytes, bytes]]


class MinuteLimit:
    """A limit of one key: what this process may still give out in the current minute."""

    def __init__(self, usage: KeyUsage, name: str, kind: Kind, limit: int) -> None:
        self.kind, self.label, self.limit = kind, kind.encode(), limit
        self._usage, self._name = usage, name
        self._left = 0
        """What may still be given out; below zero, what was used without having been taken."""
        self._remaining = limit
        """What is left for all processes, without what this one has taken."""
        self.ends_at = -math.inf
        """When the minute ends, by the monotonic clock."""
        self._is_used_up = False
        self._taking = asyncio.Lock()

    async def check(self) -> None:
        """Return when something is left. Raises LimitReached."""
        if self._left > 0 and monotonic() < self.ends_at:
            return
        async with self._taking:
            if monotonic() >= self.ends_at or not (self._left > 0 or self._is_used_up):
                await self._take()
        if self._left <= 0:
            raise LimitReached(
                f"the API key {self._name!r} may use {self.limit} {self.kind} a minute, and has",
                self.ends_at - monotonic(),
            )

    def use(self, count: int) -> None:
        """Count what is used, which may be more than is left."""
        self._left -= count

    async def settle(self) -> None:
        """Tell the database of what was used without having been taken."""
        if self._left < 0:
            async with self._taking:
                await self._take()

    @property
    def remaining(self) -> int:
        """Rest of the limit in this minute for all processes, as far as is known."""
        return max(0, self._remaining + self._left)

    async def _take(self) -> None:
        """Take a slice from the database, or from a count of this process alone while there is none."""
        debt, self._left = max(0, -self._left), 0
        try:
            part = await asyncio.to_thread(self._usage.take, self._name, self.kind, self.limit, debt)
        except DatabaseUnavailable as error:
            logger.warning("limits of API keys count for each process alone: %s", error)
            part = Slice(max(0, self.limit - debt), 0, WINDOW_SECONDS)
        self._left += part.granted  # others may have used some meanwhile
        self._remaining = part.remaining
        self.ends_at = monotonic() + part.seconds
        self._is_used_up = part.remaining <= 0


class CallerLimits:
    """The limits a minute of one key."""

    def __init__(self, key: ApiKey, usage: KeyUsage) -> None:
        self.key = key
        counts: list[tuple[Kind, int | None]] = [
            ("tokens", key.limits.tokens_per_minute),
            ("requests", key.limits.requests_per_minute),
        ]
        self._limits = {kind: MinuteLimit(usage, key.name, kind, count) for kind, count in counts if count}
        self._fixed_headers = _fixed_headers(self._limits.values())

    def __bool__(self) -> bool:
        """Whether there is any limit."""
        return bool(self._limits)

    async def begin_request(self) -> None:
        """Count a request. Raises LimitReached where there is no room for it."""
        for limit in self._limits.values():
            await limit.check()
        # Requests were checked last, and nothing was awaited since: no other request has taken this one's place.
        if requests := self._limits.get("requests"):
            requests.use(1)

    def use_tokens(self, count: int) -> None:
        """Count tokens that were read or written."""
        if tokens := self._limits.get("tokens"):
            tokens.use(count)

    async def settle(self) -> None:
        """Tell the database of what was used beyond what had been taken."""
        for limit in self._limits.values():
            await limit.settle()

    def headers(self) -> Headers:
        """Return the headers of draft-ietf-httpapi-ratelimit-headers, and OpenAI's x-ratelimit-*."""
        now, states, headers = monotonic(), [], list(self._fixed_headers)
        for limit in self._limits.values():
            remaining, seconds = limit.remaining, max(0, math.ceil(limit.ends_at - now))
            states.append(b'"%b";r=%d;t=%d' % (limit.label, remaining, seconds))
            headers.append((b"x-ratelimit-remaining-" + limit.label, b"%d" % remaining))
            headers.append((b"x-ratelimit-reset-" + limit.label, b"%ds" % seconds))
        headers.append((b"ratelimit", b", ".join(states)))
        return headers


def _fixed_headers(limits: Collection[MinuteLimit]) -> Headers:
    """Return the headers that are the same in every answer."""
    policy = ", ".join(f'"{limit.kind}";q={limit.limit};w={WINDOW_SECONDS}' for limit in limits)
    known = [(b"x-ratelimit-limit-" + limit.label, b"%d" % limit.limit) for limit in limits]
    return [(b"ratelimit-policy", policy.encode()), *known]
