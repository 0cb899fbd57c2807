"""The loops of int8 networks, compiled: rows of numbers made bytes, products with matrices of bytes, steps of cells.

It knows records of addresses and what each thread of a team does with them. It does not know how a matrix became
bytes, nor which networks there are (`int8`).

What is computed for a row never depends on the rows beside it or on the number of threads, to the last bit: sums of
products are whole numbers, and everything else is done number by number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.np.numpy_support import carray

from models.cells import gru_step, lstm_step, rnn_step
from models.dot import GROUP, OUTPUTS, bytes_of_panel, dot
from models.instructions import count_up, pointer
from models.team import TEAM, rank_of, size_of, wait

ZERO = 64
"""The byte of a row that stands for 0; 1 to 127 stand for -63 to 63 times a scale. A matrix's have a sign instead."""


def _numbers(*names: str) -> list[tuple[str, Any]]:
    return [(name, np.int64) for name in names]


MATRIX = np.dtype(_numbers("outputs", "inputs", "panels"))
"""A matrix [M, K] and the address of its panels, as `dot` wants them; M is a multiple of 32."""
LAYER = np.dtype([("of_inputs", MATRIX), ("of_state", MATRIX)])
"""Matrices [G * H, I] and [G * H, H] of a layer whose cell has G gates."""
PRODUCT = np.dtype([*TEAM, ("matrix", MATRIX), *_numbers("count", "floats", "room", "results")])
"""Rows of numbers [N, K] times a matrix: results [N, M]. `room` is for `bytes_of_rows(N, K)`."""
READING = np.dtype(
    [
        *TEAM,
        *_numbers("cell", "depth", "layers", "count", "times", "embedded", "outputs"),
        *_numbers("vectors_before", "memory_before", "vectors", "memory"),
        *_numbers("input_room", "state_room", "gates", "state_gates"),
    ]
)
"""Layers over B sequences of T inputs: `embedded` [B, T, E], `outputs` [B, T, H] of the last layer, vectors and for an
LSTM memory [B, L, H] before and after. Room for rows [B * T, E or H], [B, H], their products [.., G * H]."""
CELLS = ("rnn_relu", "rnn_tanh", "gru", "lstm")
"""The cells, as `READING` numbers them."""
_RELU, _GRU, _LSTM = (CELLS.index(cell) for cell in ("rnn_relu", "gru", "lstm"))

_LARGEST = np.float32(ZERO - 1)
_ROUND = np.float32(ZERO + 0.5)
_MAGNITUDE = np.int32(0x7FFFFFFF)
_NEGLIGIBLE = np.float32(1e-30)

_compiled = njit(error_model="numpy")


def product(address: Any) -> None:
    """Compute a PRODUCT."""
    multiply_all(address, carray(address, 1, PRODUCT)[0])


def reading(address: Any) -> None:
    """Compute a READING."""
    call = carray(address, 1, READING)[0]
    count, times = call.count, call.times
    layers = carray(pointer(call.layers), call.depth, LAYER)
    hidden, units = layers[0].of_state.inputs, layers[0].of_state.outputs
    vectors, memory = _state(call.vectors, call, hidden), _state(call.memory, call, hidden)
    vectors_before, memory_before = _state(call.vectors_before, call, hidden), _state(call.memory_before, call, hidden)
    outputs = floats(call.outputs, count * times, hidden)
    gates, state_gates = floats(call.gates, count * times, units), floats(call.state_gates, count, units)
    state = _rows(call.state_room, count, hidden)
    inputs = floats(call.embedded, count * times, layers[0].of_inputs.inputs)
    # The number of the first turn of what comes next: one for each panel, and each thread asks once for one too many.
    begin = 0
    rank, size = rank_of(call), size_of(call)
    for i in range(call.depth):
        rows = _rows(call.input_room, count * times, inputs.shape[1])
        for b in range(rank, count, size):  # all that is done for a sequence is done by one thread, save products
            for n in range(b * times, (b + 1) * times):
                _quantise(inputs[n], rows, n)
            _copy(memory_before[b, i], memory[b, i])
            _copy(vectors_before[b, i], vectors[b, i])
            _quantise(vectors[b, i], state, b)
        for t in range(times):
            wait(call)
            of_inputs = layers[i].of_inputs.outputs // OUTPUTS if t == 0 else 0  # of all times at once
            of_both = of_inputs + layers[i].of_state.outputs // OUTPUTS
            panel = count_up(address) - begin
            while panel < of_both:
                if panel < of_inputs:
                    _multiply(panel, size, rows, layers[i].of_inputs, gates)
                else:
                    _multiply(panel - of_inputs, size, state, layers[i].of_state, state_gates)
                panel = count_up(address) - begin
            begin += of_both + size
            wait(call)
            for b in range(rank, count, size):
                n = b * times + t
                _step(call.cell, gates[n], state_gates[b], vectors[b, i], memory[b, i], outputs[n])
                _quantise(vectors[b, i], state, b)
        inputs = outputs


@_compiled
def multiply_all(turns: Any, call: Any) -> Any:
    """The product that is part of a record, as in PRODUCT, a panel of the matrix a turn; `turns` is its pointer.

    So a thread that is held up does less. Returns the number of the next turn, once all have come here.
    """
    given, rows = floats(call.floats, call.count, call.matrix.inputs), _rows(call.room, call.count, call.matrix.inputs)
    for n in range(rank_of(call), call.count, size_of(call)):
        _quantise(given[n], rows, n)
    wait(call)
    results = floats(call.results, call.count, call.matrix.outputs)
    panel, panels = count_up(turns), call.matrix.outputs // OUTPUTS
    while panel < panels:
        _multiply(panel, size_of(call), rows, call.matrix, results)
        panel = count_up(turns)
    return panels + size_of(call)


@_compiled
def floats(address: Any, rows: Any, columns: Any) -> Any:
    """The numbers [rows, columns] at an address."""
    return carray(pointer(address), (rows, columns), np.float32)


class _Rows(NamedTuple):
    """Rows as bytes [N, K padded with anything below 128], each with its scale."""

    bytes: Any
    scales: Any


def bytes_of_rows(count: int, inputs: int) -> int:
    """How much room so many rows take."""
    return count * (4 + inputs + -inputs % GROUP)


@_compiled
def _rows(address: Any, count: Any, inputs: Any) -> Any:
    scales = carray(pointer(address), count, np.float32)
    return _Rows(carray(pointer(address + 4 * count), (count, inputs + -inputs % GROUP), np.uint8), scales)


@_compiled
def _state(address: Any, call: Any, hidden: Any) -> Any:
    return carray(pointer(address), (call.count, call.depth, hidden), np.float32)


@_compiled
def _copy(numbers: Any, place: Any) -> None:
    for j in range(len(numbers)):
        place[j] = numbers[j]


@_compiled
def _quantise(row: Any, rows: Any, n: Any) -> None:
    """Make a row of numbers row n of bytes: round(63 * number / largest magnitude) + 64.

    The scale of a row with NaN or infinity is NaN, and so will be all that is made of the row.
    """
    largest = np.int32(0)
    for k in range(len(row)):  # magnitudes are ordered as their bits are, NaN being the largest
        largest = max(largest, np.int32(np.float32(row[k]).view(np.int32) & _MAGNITUDE))
    magnitude = np.int32(largest).view(np.float32)
    factor = np.float32(0) if magnitude < _NEGLIGIBLE else _LARGEST / magnitude
    made = rows.bytes[n]
    for k in range(len(row)):
        made[k] = np.uint8(np.int32(row[k] * factor + _ROUND))
    rows.scales[n] = magnitude / _LARGEST + magnitude * np.float32(0)


@_compiled
def _multiply(panel: Any, members: Any, rows: Any, matrix: Any, results: Any) -> None:
    """Rows times one panel of a matrix. As many members as a team has are probably at the next ones."""
    count, padded = rows.bytes.shape
    size, results_at = bytes_of_panel(padded), results.ctypes.data + 4 * panel * OUTPUTS
    place = matrix.panels + panel * size
    dot(
        rows.bytes.ctypes.data, rows.scales.ctypes.data, count, place, padded // GROUP, results_at, 4 * matrix.outputs,
        place + members * size,
    )  # fmt: skip


@_compiled
def _step(cell: Any, gates: Any, state_gates: Any, vector: Any, memory: Any, output: Any) -> None:
    """Replace the vectors of one sequence, given what its input and its vector contribute to the gates [G * H]."""
    if cell == _LSTM:
        lstm_step(gates, state_gates, vector, memory)
    elif cell == _GRU:
        gru_step(gates, state_gates, vector)
    else:
        rnn_step(gates, state_gates, vector, cell == _RELU)
    _copy(vector, output)
