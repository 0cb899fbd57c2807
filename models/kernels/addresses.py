"""Where an array lies in memory, told to compiled functions that work on addresses, a dozen of them at each step.

It knows nothing of what is stored there; whoever passes an address on keeps the array alive.
"""

from __future__ import annotations

from ctypes import addressof, c_char
from typing import Any

from numpy.typing import NDArray


def address(array: NDArray[Any]) -> int:
    """That of its first number: `array.ctypes.data` in a quarter of the time."""
    try:
        return addressof(c_char.from_buffer(array))  # type: ignore[arg-type] # numpy says so from Python 3.12 on
    except (TypeError, ValueError):  # such as of one that is empty, or must not be written
        return array.ctypes.data
