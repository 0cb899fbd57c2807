"""Loads on a server as benchmarks of whole designs need them, each with its figures.

A server of these loads has an n-gram model, which is asked for next words, a classifier of sentences, and an LSTM that
generates (`publish_models`).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from subprocess import Popen
from typing import Any, TypeAlias

import numpy as np

from benchmarks.service._load import load
from benchmarks.service._offer import offer
from benchmarks.service._servers import cpu_seconds
from benchmarks.service.interference import ask as post_and_read
from benchmarks.service.interference import stream, words
from benchmarks.service.litserve import NAME, bodies, publish

TOKENS = 32
"""Tokens that a generation asks for."""
OVERLOAD = 10
"""Multiple of the capacity that an overload offers."""
FULL_BATCH = 64
"""Clients whose rate is the capacity: as many as a batch has rows."""
SETTLING_SECONDS = 0.5
"""Time from the beginning of a load beside another to the beginning of that."""
Figures: TypeAlias = dict[str, float]
"""Figures of a load by name; less is better, but for those that end in `/s`."""
Measure: TypeAlias = Callable[[Popen[bytes], float], Figures]
"""Puts a load on a server for so many seconds."""
NGRAM, CLASSIFIER = "gutenberg-kn", "sentiment"
NEXT, CLASSIFY = f"{NGRAM}/next", f"{CLASSIFIER}/classify"
CONTEXT, SENTENCE = "it was the best of", "it was the best of all films"
GENERATE = f"/v1/models/{NAME}/generate"


def publish_models(folder: Path, checkpoints: Path) -> Path:
    """Return a folder of checkpoints: an LSTM of random weights, and copies of NGRAM and CLASSIFIER."""
    publish(folder)
    for name in (NGRAM, CLASSIFIER):
        shutil.copytree(checkpoints / name, folder / name)
    return folder


def generate(model: str, clients: int, server: Popen[bytes], seconds: float) -> Figures:
    """Generate whole texts for so many clients."""
    before = cpu_seconds(server)
    path = f"/v1/models/{model}/generate"
    measured = load(_port(server), path, bodies(TOKENS, ignore_end=True), clients, seconds)
    cpu = cpu_seconds(server) - before
    return {
        "tokens/s": measured.rate(TOKENS),
        "CPU µs a token": 1e6 * cpu / (TOKENS * len(measured.latencies)),
        "p99 ms": 1e3 * measured.p99,
    }


def streams(clients: int, server: Popen[bytes], seconds: float) -> Figures:
    """Generate streamed texts for so many clients, an event a token."""
    before = cpu_seconds(server)
    times = asyncio.run(_stream_for(_port(server), clients, seconds))
    cpu, count = cpu_seconds(server) - before, sum(map(len, times))
    gaps = np.concatenate(list(map(np.diff, times)))
    p99 = 1e3 * float(np.nanquantile(gaps, 0.99)) if len(gaps) else np.nan
    return {"tokens/s": count / seconds, "CPU µs a token": 1e6 * cpu / max(count, 1), "p99 of gaps ms": p99}


async def _stream_for(port: int, clients: int, seconds: float) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in range(clients)]
    running = [asyncio.create_task(stream(port, noted)) for noted in times]
    await asyncio.sleep(seconds)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return times


def ask(path: str, body: dict[str, Any], clients: int, server: Popen[bytes], seconds: float) -> Figures:
    """Ask the same again and again."""
    before = cpu_seconds(server)
    content = json.dumps(body).encode()
    measured = load(_port(server), f"/v1/models/{path}", repeat(content), clients, seconds)
    cpu = cpu_seconds(server) - before
    return {
        "requests/s": measured.rate(1),
        "CPU µs a request": 1e6 * cpu / len(measured.latencies),
        "p50 ms": 1e3 * measured.p50,
        "p99 ms": 1e3 * measured.p99,
    }


def next_beside(work: Callable[[int], Coroutine[Any, Any, None]], server: Popen[bytes], seconds: float) -> Figures:
    """Ask the n-gram model for next words, while another process keeps the server busy with `work`."""
    process = get_context("fork").Process(target=_run, args=(work, _port(server)), daemon=True)
    process.start()
    time.sleep(SETTLING_SECONDS)
    try:
        figures = ask(NEXT, {"context": CONTEXT}, 4, server, seconds)
    finally:
        process.terminate()
        process.join()
    return {name: figures[name] for name in ("requests/s", "p50 ms", "p99 ms")}


def _run(work: Callable[[int], Coroutine[Any, Any, None]], port: int) -> None:
    asyncio.run(work(port))


async def _work_of_lstm(port: int) -> None:
    """Have the LSTM write 16 streams and score long texts, until cancelled."""
    await asyncio.gather(_score_forever(port), *(stream(port, []) for _ in range(16)))


async def _score_forever(port: int) -> None:
    while True:
        await post_and_read(port, "perplexity", text=words(20_000), unit="document")


async def _work_of_ngrams(port: int) -> None:
    """Have the n-gram model write 16 streams, until cancelled."""
    await asyncio.gather(*(stream(port, [], NGRAM) for _ in range(16)))


def overload(server: Popen[bytes], seconds: float) -> Figures:
    """Offer ten times the generations that can be answered."""
    numbers = itertools.count()
    requests = (
        json.dumps({"prompt": words(8), "max_tokens": TOKENS, "seed": seed, "ignore_end": True}).encode()
        for seed in numbers
    )
    capacity = load(_port(server), GENERATE, requests, FULL_BATCH, seconds)
    offered = offer(_port(server), GENERATE, requests, OVERLOAD * capacity.rate(1), 2 * seconds, lambda: None)
    admitted = 1e3 * float(np.quantile(offered.admitted, 0.99))
    return {
        "p99 of the admitted ms": admitted,
        "times that at capacity": admitted / (1e3 * capacity.p99),
        "admitted/s": len(offered.admitted) / (2 * seconds),
    }


def _port(server: Popen[bytes]) -> int:
    return server.port  # type: ignore[attr-defined,no-any-return]


MEASURES: Mapping[str, Measure] = {
    **{f"generate, {clients} clients": partial(generate, NAME, clients) for clients in (1, 16, FULL_BATCH)},
    "n-gram texts, 16 clients": partial(generate, NGRAM, 16),
    **{f"streams, {clients} clients": partial(streams, clients) for clients in (16, FULL_BATCH)},
    **{f"next, {clients} clients": partial(ask, NEXT, {"context": CONTEXT}, clients) for clients in (1, 16)},
    "next, 400 contexts": partial(ask, NEXT, {"context": [CONTEXT] * 400}, 4),
    **{f"classify, {clients} clients": partial(ask, CLASSIFY, {"text": SENTENCE}, clients) for clients in (1, 16)},
    "next beside an LSTM": partial(next_beside, _work_of_lstm),
    "next beside n-grams": partial(next_beside, _work_of_ngrams),
    "overload": overload,
}
"""Loads by name."""
