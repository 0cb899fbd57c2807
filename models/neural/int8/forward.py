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

from models.kernels.gil import want
from models.kernels.jit import pointer
from models.kernels.openmp import in_turns, task
from models.neural.int8.cells import gru_step, lstm_step, rnn_step
from models.neural.int8.dot_product import GROUP, OUTPUTS, bytes_of_panel, dot

ZERO = 64
"""The byte of a row that stands for 0; 1 to 127 stand for -63 to 63 times a scale. A matrix's have a sign instead."""


def _numbers(*names: str) -> list[tuple[str, Any]]:
    return [(name, np.int64) for name in names]


MATRIX = np.dtype(_numbers("outputs", "inputs", "panels"))
"""A matrix [M, K] and the address of its panels, as `dot` wants them; M is a multiple of 32."""
LAYER = np.dtype([("of_inputs", MATRIX), ("of_state", MATRIX)])
"""Matrices [G * H, I] and [G * H, H] of a layer whose cell has G gates."""
PRODUCT = np.dtype([("matrix", MATRIX), *_numbers("count", "floats", "apart", "room", "results")])
"""Rows of numbers [N, K], each beginning so many numbers `apart` from the one before, times a matrix: results [N, M].
`room` is for `bytes_of_rows(N, K)`."""
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

ROWS = 4
"""So many are quantised, or stepped, at a turn: one takes hardly longer than taking a turn."""
_LARGEST = np.float32(ZERO - 1)
_ROUND = np.float32(ZERO + 0.5)
_MAGNITUDE = np.int32(0x7FFFFFFF)
_NEGLIGIBLE = np.float32(1e-30)
_HALF = np.float32(2.0**112)

_READING = task(READING)

_compiled = njit(error_model="numpy")


def reading(address: Any) -> None:
    """Compute a READING, on a team."""
    given = carray(address, 1, _READING)[0]
    read_all(given.team, given.work, 0)
    want(given.team.wanted)


@_compiled
def multiply_all(team: Any, call: Any, begin: Any) -> Any:
    """Compute a PRODUCT with all threads of a team, whose next turn is `begin`. Returns the next turn after it."""
    begin = _quantise_some(team, begin, _turns(call.count), call)
    return _multiply_panel(team, begin, call.matrix.outputs // OUTPUTS, (call, team.size))


@_compiled
def read_all(team: Any, call: Any, begin: Any) -> Any:
    """Compute a READING with all threads of a team, whose next turn is `begin`. Returns the next turn after it.

    Where a token is below 0, as where none was chosen, anything may be read in its place.
    """
    begin = _enter_some(team, begin, _turns(call.count), call)
    for i in range(call.depth):
        panels = _layer(call, i).of_state.outputs // OUTPUTS
        for t in range(call.times):
            of_inputs = panels if t == 0 else 0  # of all times at once
            begin = _multiply_gates(team, begin, of_inputs + panels, (call, i, of_inputs, team.size))
            begin = _step_some(team, begin, _turns(call.count), (call, i, t))
    return begin


@_compiled
def _turns(count: Any) -> Any:
    """How many turns so many rows make."""
    return -(-count // ROWS)


@_compiled
def _rows_of(turn: Any, count: Any) -> Any:
    """The rows of a turn."""
    return range(turn * ROWS, min((turn + 1) * ROWS, count))


@in_turns
@_compiled
def _quantise_some(turn: Any, call: Any) -> None:
    inputs = call.matrix.inputs
    for n in _rows_of(turn, call.count):
        row = carray(pointer(call.floats + 4 * n * call.apart), inputs, np.float32)
        _quantise(row, _rows(call.room, call.count, inputs), n)


@in_turns
@_compiled
def _multiply_panel(turn: Any, given: Any) -> None:
    call, size = given
    rows = _rows(call.room, call.count, call.matrix.inputs)
    _multiply(turn, size, rows, call.matrix, floats(call.results, call.count, call.matrix.outputs))


@in_turns
@_compiled
def _enter_some(turn: Any, call: Any) -> None:
    for b in _rows_of(turn, call.count):
        _enter(call, 0, b)


@in_turns
@_compiled
def _multiply_gates(turn: Any, given: Any) -> None:
    """A panel of what inputs, in the turns `of_inputs`, and vectors contribute to a layer's gates."""
    call, i, of_inputs, size = given
    layer, inputs = _layer(call, i), call.count * call.times
    if turn < of_inputs:
        rows = _rows(call.input_room, inputs, layer.of_inputs.inputs)
        _multiply(turn, size, rows, layer.of_inputs, floats(call.gates, inputs, layer.of_inputs.outputs))
    else:
        rows = _rows(call.state_room, call.count, layer.of_state.inputs)
        gates = floats(call.state_gates, call.count, layer.of_state.outputs)
        _multiply(turn - of_inputs, size, rows, layer.of_state, gates)


@in_turns
@_compiled
def _step_some(turn: Any, given: Any) -> None:
    """What a layer's gates make of some vectors, and bytes of those for what comes next."""
    call, i, t = given
    count, hidden, units = call.count, _layer(call, i).of_state.inputs, _layer(call, i).of_state.outputs
    gates, state_gates = floats(call.gates, count * call.times, units), floats(call.state_gates, count, units)
    vectors, memory = _state(call.vectors, call, hidden), _state(call.memory, call, hidden)
    outputs, state = floats(call.outputs, count * call.times, hidden), _rows(call.state_room, count, hidden)
    for b in _rows_of(turn, count):
        n = b * call.times + t
        _step(call.cell, gates[n], state_gates[b], vectors[b, i], memory[b, i], outputs[n])
        if t + 1 < call.times:
            _quantise(vectors[b, i], state, b)
        elif i + 1 < call.depth:
            _enter(call, i + 1, b)


@_compiled
def _enter(call: Any, i: Any, b: Any) -> None:
    """Make bytes of what a layer reads of a sequence: all its inputs, and its vector before."""
    hidden = _layer(call, i).of_state.inputs
    width = _layer(call, i).of_inputs.inputs
    inputs = floats(call.embedded if i == 0 else call.outputs, call.count * call.times, width)
    rows, tokens = _rows(call.input_room, len(inputs), width), carray(pointer(call.tokens), len(inputs), np.int64)
    for n in range(b * call.times, (b + 1) * call.times):
        if i == 0:
            _embed(call, max(tokens[n], 0), inputs[n])
        _quantise(inputs[n], rows, n)
    _copy(_state(call.memory_before, call, hidden)[b, i], _state(call.memory, call, hidden)[b, i])
    vector = _state(call.vectors, call, hidden)[b, i]
    _copy(_state(call.vectors_before, call, hidden)[b, i], vector)
    _quantise(vector, _rows(call.state_room, call.count, hidden), b)


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
def _layer(call: Any, i: Any) -> Any:
    return carray(pointer(call.layers), call.depth, LAYER)[i]


@_compiled
def _embed(call: Any, token: Any, place: Any) -> None:
    """Write a token's row of the embedding."""
    width = len(place)
    if call.halves:
        _widen(carray(pointer(call.embedding + 2 * token * width), width, np.uint16), place)
    else:
        _copy(carray(pointer(call.embedding + 4 * token * width), width, np.float32), place)


@_compiled
def _widen(halves: Any, place: Any) -> None:
    """The numbers of float16, given as their bits, none of which is infinite."""
    for j in range(len(place)):
        bits = np.int32(halves[j])
        # Ten bits of fraction above, where a float32 has 23, is five of exponent, whose bias is less by 112.
        magnitude = np.int32((bits & np.int32(0x7FFF)) << np.int32(13)).view(np.float32) * _HALF
        sign = (bits & np.int32(0x8000)) << np.int32(16)
        place[j] = np.int32(np.float32(magnitude).view(np.int32) | sign).view(np.float32)


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
