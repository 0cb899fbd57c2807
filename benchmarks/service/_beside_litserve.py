"""Loads of a LitServe server and of ours, one after the other, with the same clients.

LitServe, which is no dependency, comes with `pip install '.[bench]'`; without it, ours is measured alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeAlias

import click

from benchmarks.service._load import Load, load
from benchmarks.service._servers import cpu_seconds

Loads: TypeAlias = dict[int, Load]
"""Loads by the number of clients."""


class Side(NamedTuple):
    """A server that is measured."""

    server: AbstractContextManager[Any]
    """Entered, it is a process with a `port`."""
    path: str
    requests: Iterator[bytes]


def measured(side: Side, clients: list[int], seconds: float) -> Loads:
    """Return the loads of so many clients, one after the other, each after a warm-up."""
    loads = {}
    with side.server as process:
        for count in clients:
            load(process.port, side.path, side.requests, count, 1)
            before = cpu_seconds(process)
            loads[count] = load(process.port, side.path, side.requests, count, seconds)
            loads[count].cpu_seconds = cpu_seconds(process) - before
    return loads


def measure_beside_litserve(
    litserve: Side,
    nextword: Side,
    clients: list[int],
    seconds: float,
    only: str | None,
    describe: Callable[[str, Load, Load | None], str],
) -> tuple[Loads, Loads]:
    """Print what `describe` says of each server and load; return the loads of LitServe and ours.

    `only` names the one server that is measured; the loads of the other are empty.
    """
    theirs: Loads = {}
    ours: Loads = {}
    if find_spec("litserve") is None:
        click.echo("litserve is not installed (pip install '.[bench]'): ours alone")
    elif only != "nextword":
        theirs = measured(litserve, clients, seconds)
        click.echo("\n".join(describe("LitServe", side, None) for side in theirs.values()))
    if only != "litserve":
        ours = measured(nextword, clients, seconds)
        click.echo("\n".join(describe("Nextword", side, theirs.get(count)) for count, side in ours.items()))
    return theirs, ours
