"""Joining the processes that train one model together: `join_world`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from models.errors import InvalidInput, TrainingFailed
from models.neural.training.world import ALONE, World, cause_of
from models.utils.process_count import process_count

TIMEOUT_SECONDS = 600.0
"""Longest wait for another process; a shorter one gives up on slow disks, on which texts are read at unlike speeds."""


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
        raise TrainingFailed(f"{what} ({cause_of(error)})") from error
