"""The processes that train one model together: `World`, and `join_world`, which finds the others.

They talk by gloo, the backend of `torch.distributed` for CPUs. Its errors become TrainingFailed: a process that has
ended breaks its connections, and the others learn of it when they next have something to tell each other; one that
hangs, or whose machine is lost, is waited for no longer than the timeout.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from models.errors import InvalidInput, TrainingFailed
from models.utils.process_count import process_count
from models.utils.progress import Progress

Item = TypeVar("Item")
TIMEOUT_SECONDS = 600.0
"""Longest wait for another process; a shorter one gives up on slow disks, on which texts are read at unlike speeds."""


@dataclass(frozen=True)
class World:
    """Place of this process among those that train one model together; alone unless told otherwise.

    >>> World(rank=1, size=4).share_of(32)
    slice(8, 16, None)
    """

    rank: int = 0
    """Number of this process, from 0."""
    size: int = 1
    """Processes in all."""

    @property
    def is_first(self) -> bool:
        """Whether this process measures, saves and publishes for all."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there are no others."""
        return self.size == 1

    def share_of(self, rows: int) -> slice:
        """Return which rows of a batch are this process's.

        Raises InvalidInput where they cannot be shared evenly.
        """
        if rows % self.size:
            raise InvalidInput("batch_size", f"must be a multiple of the {self.size} processes that share a batch")
        share = rows // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    @torch.no_grad()
    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace float32 tensors, of the same shapes in each process, by their means over the processes."""
        numbers = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with self._failing_clearly():
            dist.all_reduce(numbers)
        means = torch.split(numbers / self.size, [tensor.numel() for tensor in tensors])
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.copy_(mean.view_as(tensor))

    def first_says(self, number: float) -> float:
        """Return the number of the first process to all of them."""
        told = torch.tensor(number, dtype=torch.float64)
        with self._failing_clearly():
            dist.broadcast(told, src=0)
        return float(told)

    def on_first(self, work: Generator[Progress, None, float]) -> Generator[Progress, None, float]:
        """Do `work` in the first process, and return its result in each.

        The others hear of each step, so that they do not take long work for a process that hangs.
        """
        if self.is_alone:
            return (yield from work)
        if not self.is_first:
            work.close()
            while self.first_says(0.0):
                pass
            return self.first_says(0.0)
        result = yield from self._telling(work)
        self.first_says(0.0)
        return self.first_says(result)

    def _telling(self, work: Generator[Progress, None, float]) -> Generator[Progress, None, float]:
        """Run `work`, and tell the others of each step that there is more to come."""
        while True:
            try:
                progress = next(work)
            except StopIteration as end:
                result: float = end.value
                return result
            self.first_says(1.0)
            yield progress

    def gather(self, item: Item) -> list[Item]:
        """Return the items of all processes to the first, in order, and an empty list to the others."""
        items: list[Item] = [item] * self.size if self.is_first else []
        with self._failing_clearly():
            dist.gather_object(item, items if self.is_first else None, dst=0)
        return items

    def scatter(self, items: Sequence[Item]) -> Item:
        """Return to each process its own of the first process's items."""
        received: list[Item | None] = [None]
        with self._failing_clearly():
            dist.scatter_object_list(received, list(items) if self.is_first else None, src=0)
        return cast("Item", received[0])

    def check_equal(self, text: str) -> None:
        """Raise TrainingFailed in each process unless `text` is the same in all of them."""
        told: list[str] = [""] * self.size
        with self._failing_clearly():
            dist.all_gather_object(told, text)
        if len(set(told)) > 1:
            reason = "must be given the same files, settings and version of Nextword"
            raise TrainingFailed(f"the {self.size} processes that train together {reason}")

    @contextmanager
    def _failing_clearly(self) -> Iterator[None]:
        """Raise TrainingFailed where the processes cannot talk any more."""
        try:
            yield
        except RuntimeError as error:
            raise TrainingFailed(
                f"another of the {self.size} processes that train together has ended, or does not answer; this is "
                f"number {self.rank} ({_cause(error)})"
            ) from error


ALONE = World()
"""World of one process."""


@contextmanager
def join_world(timeout_seconds: float = TIMEOUT_SECONDS) -> Iterator[World]:
    """Join the processes that the environment tells of; yield the place of this one among them.

    RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are read as torchrun sets them; where they are unset, it is alone. A
    group that `torch.distributed` has already, as in a worker of Ray's TorchTrainer, is used and left as it is.

    Raises InvalidInput, naming the variable that is missing, and TrainingFailed where the others are not to be found.
    """
    if dist.is_initialized():
        yield World(dist.get_rank(), dist.get_world_size())
    elif process_count() == 1:
        yield ALONE
    else:
        _begin(timeout_seconds)
        try:
            yield World(dist.get_rank(), dist.get_world_size())
        finally:
            dist.destroy_process_group()


def _begin(timeout_seconds: float) -> None:
    size, environment = process_count(), os.environ
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        if not environment.get(name):
            raise InvalidInput(name, f"must be set where WORLD_SIZE is {size}: torchrun sets them all")
    timeout = timedelta(seconds=timeout_seconds)
    try:
        store, rank, _ = next(rendezvous("env://", timeout=timeout))
        # torchrun's store outlives a restart, with the addresses of the processes before it.
        attempt = PrefixStore(environment.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
        dist.init_process_group("gloo", store=attempt, rank=rank, world_size=size, timeout=timeout)
    except (RuntimeError, ValueError) as error:
        address = f"{environment['MASTER_ADDR']}:{environment['MASTER_PORT']}"
        what = f"the {size} processes that train together do not meet at {address}"
        raise TrainingFailed(f"{what} ({_cause(error)})") from error


def _cause(error: Exception) -> str:
    """Return what torch says has happened, without its source file and advice.

    >>> _cause(RuntimeError("[/a/pair.cc:5] Connection closed by peer. Check the logs.\\nmore"))
    'Connection closed by peer'
    """
    return re.sub(r"^\[[^\]]*\] ", "", str(error).splitlines()[0]).split(". ")[0]
