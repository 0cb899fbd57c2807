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

from models.kernels.gil import request_gil
from models.kernels.jit import pointer
from models.kernels.openmp import parallel_for, task_record
from models.neural.int8.cells import gru_step, lstm_step, rnn_step
from models.neural.int8.dot_product import FACTORS_PER_STEP, PANEL_OUTPUTS, multiply_panel, panel_bytes

ZERO_POINT = 64
"""The byte of a row that stands for 0; 1 to 127 stand for -63 to 63 times a scale. A matrix's have a sign instead."""


def _numbers(*names: str) -> list[tuple[str, Any]]:
    return [(name, np.int64) for name in names]


MATRIX = np.dtype(_numbers("outputs", "inputs", "panels"))
"""A matrix [M, K] and the address of its panels, as `dot` wants them; M is a multiple of 32."""
LAYER = np.dtype([("of_inputs", MATRIX), ("of_state", MATRIX)])
"""Matrices [G * H, I] and [G * H, H] of a layer whose cell has G gates."""
PRODUCT = np.dtype([("matrix", MATRIX), *_numbers("count", "floats", "apart", "room", "results")])
"""Rows of numbers [N, K], each beginning so many numbers `apart` from the one before, times a matrix: results [N, M].
`room` is for `quantized_bytes(N, K)`."""
READING = np.dtype(
    _numbers("cell", "depth", "layers", "embedding", "halves", "count", "times", "tokens", "outputs")
    + _numbers("vectors_before", "memory_before", "vectors", "memory")
    + _numbers("embedded", "input_room", "state_room", "gates", "state_gates")
)
"""Layers over B sequences of T tokens [B, T], each a row of the embedding [V, E] of float32 or, if `halves`, float16;
`outputs` [B, T, H] of the last layer, vectors and for an LSTM memory [B, L, H] before and after. Room for `embedded`
[B, T, E], for rows [B * T, E or H] and [B, H], for their products [.., G * H]."""
CELLS = ("rnn_relu", "rnn_tanh", "gru", "lstm")
"""The cells, as `READING` numbers them."""
_RELU, _GRU, _LSTM = (CELLS.index(cell) for cell in ("rnn_relu", "gru", "lstm"))

ROWS_PER_ITERATION = 4
"""So many are quantised, or stepped, at a turn: one takes hardly longer than taking a turn."""
_MAX_BYTE = np.float32(ZERO_POINT - 1)
_ROUNDING = np.float32(ZERO_POINT + 0.5)
_MAGNITUDE_BITS = np.int32(0x7FFFFFFF)
_NEGLIGIBLE = np.float32(1e-30)
_EXPONENT_SHIFT = np.float32(2.0**112)

_READING = task_record(READING)

_compiled = njit(error_model="numpy")


def forward(address: Any) -> None:
    """Compute a READING, on a team."""
    given = carray(address, 1, _READING)[0]
    run_layers(given.team, given.work, 0)
    request_gil(given.team.wanted)


@_compiled
def matmul(team: Any, call: Any, begin: Any) -> Any:
    """Compute a PRODUCT with all threads of a team, whose next turn is `begin`. Returns the next turn after it."""
    begin = _quantize_iteration(team, begin, _iterations(call.count), call)
    return _matmul_panel(team, begin, call.matrix.outputs // PANEL_OUTPUTS, (call, team.size))


@_compiled
def run_layers(team: Any, call: Any, begin: Any) -> Any:
    """Compute a READING with all threads of a team, whose next turn is `begin`. Returns the next turn after it.

    Where a token is below 0, as where none was chosen, anything may be read in its place.
    """
    begin = _load_inputs_iteration(team, begin, _iterations(call.count), call)
    for i in range(call.depth):
        panels = _layer(call, i).of_state.outputs // PANEL_OUTPUTS
        for t in range(call.times):
            of_inputs = panels if t == 0 else 0  # of all times at once
            begin = _gates_panel(team, begin, of_inputs + panels, (call, i, of_inputs, team.size))
            begin = _step_iteration(team, begin, _iterations(call.count), (call, i, t))
    return begin


@_compiled
def _iterations(count: Any) -> Any:
    """How many turns so many rows make."""
    return -(-count // ROWS_PER_ITERATION)


@_compiled
def _rows_of_iteration(turn: Any, count: Any) -> Any:
    """The rows of a turn."""
    return range(turn * ROWS_PER_ITERATION, min((turn + 1) * ROWS_PER_ITERATION, count))


@parallel_for
@_compiled
def _quantize_iteration(turn: Any, call: Any) -> None:
    inputs = call.matrix.inputs
    for n in _rows_of_iteration(turn, call.count):
        row = carray(pointer(call.floats + 4 * n * call.apart), inputs, np.float32)
        _quantize_row(row, _quantized_rows(call.room, call.count, inputs), n)


@parallel_for
@_compiled
def _matmul_panel(turn: Any, given: Any) -> None:
    call, size = given
    rows = _quantized_rows(call.room, call.count, call.matrix.inputs)
    _multiply_by_panel(turn, size, rows, call.matrix, float_matrix(call.results, call.count, call.matrix.outputs))


@parallel_for
@_compiled
def _load_inputs_iteration(turn: Any, call: Any) -> None:
    for b in _rows_of_iteration(turn, call.count):
        _load_inputs(call, 0, b)


@parallel_for
@_compiled
def _gates_panel(turn: Any, given: Any) -> None:
    """A panel of what inputs, in the turns `of_inputs`, and vectors contribute to a layer's gates."""
    call, i, of_inputs, size = given
    layer, inputs = _layer(call, i), call.count * call.times
    if turn < of_inputs:
        rows = _quantized_rows(call.input_room, inputs, layer.of_inputs.inputs)
        _multiply_by_panel(turn, size, rows, layer.of_inputs, float_matrix(call.gates, inputs, layer.of_inputs.outputs))
    else:
        rows = _quantized_rows(call.state_room, call.count, layer.of_state.inputs)
        gates = float_matrix(call.state_gates, call.count, layer.of_state.outputs)
        _multiply_by_panel(turn - of_inputs, size, rows, layer.of_state, gates)


@parallel_for
@_compiled
def _step_iteration(turn: Any, given: Any) -> None:
    """What a layer's gates make of some vectors, and bytes of those for what comes next."""
    call, i, t = given
    count, hidden, units = call.count, _layer(call, i).of_state.inputs, _layer(call, i).of_state.outputs
    gates, state_gates = (
        float_matrix(call.gates, count * call.times, units),
        float_matrix(call.state_gates, count, units),
    )
    vectors, memory = _state(call.vectors, call, hidden), _state(call.memory, call, hidden)
    outputs, state = (
        float_matrix(call.outputs, count * call.times, hidden),
        _quantized_rows(call.state_room, count, hidden),
    )
    for b in _rows_of_iteration(turn, count):
        n = b * call.times + t
        _cell_step(call.cell, gates[n], state_gates[b], vectors[b, i], memory[b, i], outputs[n])
        if t + 1 < call.times:
            _quantize_row(vectors[b, i], state, b)
        elif i + 1 < call.depth:
            _load_inputs(call, i + 1, b)


@_compiled
def _load_inputs(call: Any, i: Any, b: Any) -> None:
    """Make bytes of what a layer reads of a sequence: all its inputs, and its vector before."""
    hidden = _layer(call, i).of_state.inputs
    width = _layer(call, i).of_inputs.inputs
    inputs = float_matrix(call.embedded if i == 0 else call.outputs, call.count * call.times, width)
    rows, tokens = (
        _quantized_rows(call.input_room, len(inputs), width),
        carray(pointer(call.tokens), len(inputs), np.int64),
    )
    for n in range(b * call.times, (b + 1) * call.times):
        if i == 0:
            _embed(call, max(tokens[n], 0), inputs[n])
        _quantize_row(inputs[n], rows, n)
    _copy(_state(call.memory_before, call, hidden)[b, i], _state(call.memory, call, hidden)[b, i])
    vector = _state(call.vectors, call, hidden)[b, i]
    _copy(_state(call.vectors_before, call, hidden)[b, i], vector)
    _quantize_row(vector, _quantized_rows(call.state_room, call.count, hidden), b)


@_compiled
def float_matrix(address: Any, rows: Any, columns: Any) -> Any:
    """The numbers [rows, columns] at an address."""
    return carray(pointer(address), (rows, columns), np.float32)


class _QuantizedRows(NamedTuple):
    """Rows as bytes [N, K padded with anything below 128], each with its scale."""

    bytes: Any
    scales: Any


def quantized_bytes(count: int, inputs: int) -> int:
    """How much room so many rows take."""
    return count * (4 + inputs + -inputs % FACTORS_PER_STEP)


@_compiled
def _quantized_rows(address: Any, count: Any, inputs: Any) -> Any:
    scales = carray(pointer(address), count, np.float32)
    return _QuantizedRows(
        carray(pointer(address + 4 * count), (count, inputs + -inputs % FACTORS_PER_STEP), np.uint8), scales
    )


@_compiled
def _state(address: Any, call: Any, hidden: Any) -> Any:
    return carray(pointer(address), (call.count, call.depth, hidden), np.float32)


@_compiled
def _layer(call: Any, i: Any) -> Any:
    return carray(pointer(call.layers), call.depth, LAYER)[i]


@_compiled
def _embed(call: Any, token: Any, place: Any) -> None:
    """Write a token's row of the embedding."""
    width = len(place)
    if call.halves:
        _widen_float16(carray(pointer(call.embedding + 2 * token * width), width, np.uint16), place)
    else:
        _copy(carray(pointer(call.embedding + 4 * token * width), width, np.float32), place)


@_compiled
def _widen_float16(halves: Any, place: Any) -> None:
    """The numbers of float16, given as their bits, none of which is infinite."""
    for j in range(len(place)):
        bits = np.int32(halves[j])
        # Ten bits of fraction above, where a float32 has 23, is five of exponent, whose bias is less by 112.
        magnitude = np.int32((bits & np.int32(0x7FFF)) << np.int32(13)).view(np.float32) * _EXPONENT_SHIFT
        sign = (bits & np.int32(0x8000)) << np.int32(16)
        place[j] = np.int32(np.float32(magnitude).view(np.int32) | sign).view(np.float32)


@_compiled
def _copy(numbers: Any, place: Any) -> None:
    for j in range(len(numbers)):
        place[j] = numbers[j]


@_compiled
def _quantize_row(row: Any, rows: Any, n: Any) -> None:
    """Make a row of numbers row n of bytes: round(63 * number / largest magnitude) + 64.

    The scale of a row with NaN or infinity is NaN, and so will be all that is made of the row.
    """
    largest = np.int32(0)
    for k in range(len(row)):  # magnitudes are ordered as their bits are, NaN being the largest
        largest = max(largest, np.int32(np.float32(row[k]).view(np.int32) & _MAGNITUDE_BITS))
    magnitude = np.int32(largest).view(np.float32)
    factor = np.float32(0) if magnitude < _NEGLIGIBLE else _MAX_BYTE / magnitude
    made = rows.bytes[n]
    for k in range(len(row)):
        made[k] = np.uint8(np.int32(row[k] * factor + _ROUNDING))
    rows.scales[n] = magnitude / _MAX_BYTE + magnitude * np.float32(0)


@_compiled
def _multiply_by_panel(panel: Any, members: Any, rows: Any, matrix: Any, results: Any) -> None:
    """Rows times one panel of a matrix. As many members as a team has are probably at the next ones."""
    count, padded = rows.bytes.shape
    size, results_at = panel_bytes(padded), results.ctypes.data + 4 * panel * PANEL_OUTPUTS
    place = matrix.panels + panel * size
    multiply_panel(
        rows.bytes.ctypes.data, rows.scales.ctypes.data, count, place, padded // FACTORS_PER_STEP, results_at,
        4 * matrix.outputs,
        place + members * size,
    )  # fmt: skip


@_compiled
def _cell_step(cell: Any, gates: Any, state_gates: Any, vector: Any, memory: Any, output: Any) -> None:
    """Replace the vectors of one sequence, given what its input and its vector contribute to the gates [G * H]."""
    if cell == _LSTM:
        lstm_step(gates, state_gates, vector, memory)
    elif cell == _GRU:
        gru_step(gates, state_gates, vector)
    else:
        rnn_step(gates, state_gates, vector, cell == _RELU)
    _copy(vector, output)
