"""Imports that take seconds, where they are needed and not before, and a fifth faster.

What modules define stays as long as the process does. Python does not know that, and looks through all of it for
garbage again and again while it grows.
"""

from __future__ import annotations

import gc
from importlib import import_module
from types import ModuleType


def import_without_gc(name: str) -> ModuleType:
    """The module of that name; what has been defined so far is never looked through again."""
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()
