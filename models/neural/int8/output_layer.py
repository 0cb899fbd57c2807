"""What an int8 network says of the next token, compiled: hidden vectors to log-probabilities, and to a token of each.

It knows a matrix of bytes and what is done with each row of its product while that lies in a cache. It does not know
how either is computed (`quantised`, `softmax`, `choosing`), nor networks (`int8`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.np.numpy_support import carray

from models.kernels.gil import want
from models.kernels.jit import pointer
from models.kernels.openmp import in_turns, task
from models.kernels.sampling import CHOICE, choose
from models.kernels.softmax import log_softmax, room_for
from models.neural.int8.forward import PRODUCT, READING, floats, multiply_all, read_all

ANSWER = np.dtype(
    [
        *((name, np.int64) for name in ("projects", "width", "chooses")),
        ("projection", PRODUCT),
        ("product", PRODUCT),
        ("choice", CHOICE),
    ]
)
"""A PRODUCT [N, M], if it `projects` of the results of another one. The first `width` columns become log-probabilities;
if it `chooses`, those that a CHOICE excludes are made impossible, and it is made."""
STEP = np.dtype([("answer", ANSWER), ("reading", READING)])
"""An ANSWER that chooses, and a READING of what was chosen."""
_ANSWER, _STEP = task(ANSWER), task(STEP)

_compiled = njit(error_model="numpy")


def answering(address: Any) -> None:
    """Compute an ANSWER, on a team."""
    given = carray(address, 1, _ANSWER)[0]
    _answer(given.team, given.work)
    want(given.team.wanted)


def stepping(address: Any) -> None:
    """Compute a STEP, on a team."""
    given = carray(address, 1, _STEP)[0]
    read_all(given.team, given.work.reading, _answer(given.team, given.work.answer))
    want(given.team.wanted)


@_compiled
def _answer(team: Any, call: Any) -> Any:
    """Compute an ANSWER with all threads of a team. Returns the next turn after it."""
    begin = multiply_all(team, call.projection, 0) if call.projects else 0
    begin = multiply_all(team, call.product, begin)
    return _finish(team, begin, call.product.count, (call, room_for(call.width)))


@in_turns
@_compiled
def _finish(n: Any, given: Any) -> None:
    """Make log-probabilities of a row and, if it is wanted, the choice of its token."""
    call, room = given
    results = floats(call.product.results, call.product.count, call.product.matrix.outputs)
    row = carray(pointer(results[n].ctypes.data), call.width, np.float32)
    log_softmax(row, room)
    if call.chooses:
        choose(row, call.choice, n, room)
