"""The processes that train one model together, and what they tell each other: `World`.

`models.neural.training.join` finds them. They talk by gloo, the backend of `torch.distributed` for CPUs. Its errors
become TrainingFailed: a process that has ended breaks its connections, and the others learn of it when they next have
something to tell each other; one that hangs, or whose machine is lost, is waited for no longer than the timeout.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from models.errors import InvalidInput, TrainingFailed
from models.utils.progress import Progress

Item = TypeVar("Item")


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
                f"number {self.rank} ({cause_of(error)})"
            ) from error


ALONE = World()
"""World of one process."""


def cause_of(error: Exception) -> str:
    """Return what torch says has happened, without its source file and advice.

    >>> cause_of(RuntimeError("[/a/pair.cc:5] Connection closed by peer. Check the logs.\\nmore"))
    'Connection closed by peer'
    """
    return re.sub(r"^\[[^\]]*\] ", "", str(error).splitlines()[0]).split(". ")[0]
