"""What an int8 network says of the next token, compiled: hidden vectors to log-probabilities, and to a token of each.

It knows a matrix of bytes and what is done with each row of its product while that lies in a cache. It does not know
how either is computed (`quantised`, `softmax`, `choosing`), nor networks (`int8`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.np.numpy_support import carray

from models.kernels.gil import request_gil
from models.kernels.jit import pointer
from models.kernels.openmp import parallel_for, task_record
from models.kernels.sampling import CHOICE, sample_row
from models.kernels.softmax import log_softmax, softmax_buffers
from models.neural.int8.forward import PRODUCT, READING, float_matrix, matmul, run_layers

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
_ANSWER, _STEP = task_record(ANSWER), task_record(STEP)

_compiled = njit(error_model="numpy")


def compute_output(address: Any) -> None:
    """Compute an ANSWER, on a team."""
    given = carray(address, 1, _ANSWER)[0]
    output_layer(given.team, given.work)
    request_gil(given.team.wanted)


def decode_step(address: Any) -> None:
    """Compute a STEP, on a team."""
    given = carray(address, 1, _STEP)[0]
    run_layers(given.team, given.work.reading, output_layer(given.team, given.work.answer))
    request_gil(given.team.wanted)


@_compiled
def output_layer(team: Any, call: Any) -> Any:
    """Compute an ANSWER with all threads of a team. Returns the next turn after it."""
    begin = matmul(team, call.projection, 0) if call.projects else 0
    begin = matmul(team, call.product, begin)
    return _finish_row(team, begin, call.product.count, (call, softmax_buffers(call.width)))


@parallel_for
@_compiled
def _finish_row(n: Any, given: Any) -> None:
    """Make log-probabilities of a row and, if it is wanted, the choice of its token."""
    call, room = given
    results = float_matrix(call.product.results, call.product.count, call.product.matrix.outputs)
    row = carray(pointer(results[n].ctypes.data), call.width, np.float32)
    log_softmax(row, room)
    if call.chooses:
        sample_row(row, call.choice, n, room)
