"""The result of a command, the type of the fixture that runs one, and other Pythons, which have more installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str


Run = Callable[..., Finished]


def python_with(modules: str, *variables: str) -> str:
    """The Python that the first of these variables that is set names, else this one; skip where it lacks `modules`."""
    python = next((os.environ[name] for name in variables if os.environ.get(name)), sys.executable)
    if not _can_import(python, modules):
        pytest.skip(f"{modules} cannot be imported by {python}: {' or '.join(variables)} may name a Python that can")
    return python


@cache
def _can_import(python: str, modules: str) -> bool:
    return subprocess.run([python, "-c", f"import {modules}"], capture_output=True, check=False).returncode == 0
