"""What an int8 network says of the next token, compiled: hidden vectors to log-probabilities, and to a token of each.

It knows a matrix of bytes and what is done with each row of its product while that lies in a cache. It does not know
how either is computed (`quantised`, `softmax`, `choosing`), nor networks (`int8`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.np.numpy_support import carray

from models.choosing import CHOICE, choose
from models.instructions import count_up, pointer
from models.quantised import MATRIX, floats, multiply_all
from models.softmax import log_softmax, room_for
from models.team import TEAM, wait

ANSWER = np.dtype(
    [
        *TEAM,
        *((name, np.int64) for name in ("width", "chooses")),  # here, or Numba takes the record for a PRODUCT
        ("matrix", MATRIX),
        *((name, np.int64) for name in ("count", "floats", "room", "results")),
        ("choice", CHOICE),
    ]
)
"""A PRODUCT [N, M], of which the first `width` columns become log-probabilities; if it `chooses`, those that a CHOICE
excludes are made impossible, and it is made."""


def answering(address: Any) -> None:
    """Compute an ANSWER."""
    call = carray(address, 1, ANSWER)[0]
    begin = multiply_all(address, call)
    wait(call)
    results, room = floats(call.results, call.count, call.matrix.outputs), room_for(call.width)
    n = count_up(address) - begin
    while n < call.count:
        row = carray(pointer(results[n].ctypes.data), call.width, np.float32)
        log_softmax(row, room)
        if call.chooses:
            choose(row, call.choice, n, room)
        n = count_up(address) - begin
