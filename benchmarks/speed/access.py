"""Access: microseconds of processor time that an API key, and its limits, add to a request."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median

import click
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.api_keys import KeyLimits
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.middleware.access import AccessMiddleware
from app.storage.key_usage import KeyUsage
from app.stores import Stores

REQUESTS = 5000
LIMITS = KeyLimits(requests_per_minute=10**9, tokens_per_minute=10**9)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, in place of the service."""
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})


async def drop(message: Message) -> None:
    """Take an answer."""
    del message


def seconds(app: ASGIApp, key: str, repeats: int) -> float:
    """Return the median processor time of a request, of `repeats` passes after one that warms up."""
    headers = [(name, b"-") for name in (b"host", b"accept", b"user-agent", b"content-type", b"content-length")]
    headers.append((b"authorization", f"Bearer {key}".encode()))

    async def ask_all() -> None:
        for _ in range(REQUESTS):
            path = "/v1/models/gutenberg-kn/next"
            scope: Scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "state": {}}
            await app(scope, None, drop)  # type: ignore[arg-type]

    times = []
    for _ in range(1 + repeats):
        began = time.thread_time()
        asyncio.run(ask_all())
        times.append(time.thread_time() - began)
    return median(times[1:]) / REQUESTS


@click.command()
@click.option("--repeats", default=7, help="Passes; the median counts.")
def main(repeats: int) -> None:
    """Print what AccessMiddleware adds: without keys, with a key, and with one that has limits."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        stores = Stores.open(settings)
        stores.prepare()
        stores.keys.refresh()
        app = AccessMiddleware(answer, settings, stores.keys, KeyUsage(stores.database), Metrics())
        alone = seconds(answer, "-", repeats)
        times = {"no key is configured": seconds(app, "-", repeats)}
        keys = {
            name: stores.keys.store.create(name, frozenset(["infer"]), limits)
            for name, limits in (("plain", KeyLimits()), ("limited", LIMITS))
        }
        stores.keys.refresh()
        times |= {f"a {name} key": seconds(app, key, repeats) for name, key in keys.items()}
        stores.database.close()
    for name, each in times.items():
        click.echo(f"{name:<22} {1e6 * (each - alone):6.2f} us a request")


if __name__ == "__main__":
    main()
