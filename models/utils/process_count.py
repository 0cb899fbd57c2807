"""Numbers of processes that work together, as what starts them tells each: torchrun, Ray, Kubeflow."""

from __future__ import annotations

import os
from collections.abc import Mapping

from models.errors import InvalidInput


def process_count(environment: Mapping[str, str] = os.environ) -> int:
    """Return the processes on all machines: WORLD_SIZE, 1 where it is unset. Raises InvalidInput.

    >>> process_count({"WORLD_SIZE": "4"})
    4
    """
    return _count("WORLD_SIZE", environment)


def local_process_count(environment: Mapping[str, str] = os.environ) -> int:
    """Return the processes on this machine: LOCAL_WORLD_SIZE, 1 where it is unset. Raises InvalidInput.

    >>> local_process_count({"LOCAL_WORLD_SIZE": "none"})
    Traceback (most recent call last):
    models.errors.InvalidInput: LOCAL_WORLD_SIZE: must be a number of processes, 1 or more, not 'none'
    """
    return _count("LOCAL_WORLD_SIZE", environment)


def _count(name: str, environment: Mapping[str, str]) -> int:
    text = environment.get(name, "1")
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise InvalidInput(name, f"must be a number of processes, 1 or more, not {text!r}")
    return int(text)
