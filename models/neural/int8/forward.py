"""The compiled loops that run int8 layers: quantizing rows, products with matrices, steps of cells.

`forward` is the entry function; `matmul` and `run_layers` are its parts, for other entry functions. The records of
their arguments are the NamedTuples here, whose whole numbers are sizes and addresses.

The results of a row never depend on the rows beside it or on the number of threads, to the last bit: sums of products
are whole numbers, and everything else is done number by number.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Bytes, Floats, array_at, subroutine
from models.kernels.openmp import Team, parallel_for, record_dtype, task_record
from models.neural.int8.cells import cell_step
from models.neural.int8.panel import FACTORS_PER_STEP, PANEL_OUTPUTS, multiply_panel, panel_bytes

ZERO_POINT = 64
"""The byte of a row that stands for 0; 1 to 127 stand for -63 to 63 times a scale. A matrix's have a sign instead."""

_LARGEST = np.float32(ZERO_POINT - 1)
_ROUNDING = np.float32(ZERO_POINT + 0.5)
_MAGNITUDE_BITS = np.int32(0x7FFFFFFF)
_NEGLIGIBLE = np.float32(1e-30)
"""A row whose magnitudes are all below is zero: 63 / magnitude might be no float32."""
_EXPONENT_SHIFT = np.float32(2.0**112)


class MatrixArgs(NamedTuple):
    """A matrix [M, K] of bytes."""

    outputs: int
    """M, a multiple of 32."""
    inputs: int
    """K."""
    panels: int
    """Address of its panels, as `multiply_panel` reads them."""


class LayerArgs(NamedTuple):
    """Matrices of a layer whose cell has G gates."""

    of_inputs: MatrixArgs
    """[G * H, I]."""
    of_state: MatrixArgs
    """[G * H, H]."""


class MatmulArgs(NamedTuple):
    """Arguments of `matmul`: rows of numbers [N, K] times a matrix [M, K]."""

    matrix: MatrixArgs = MatrixArgs(0, 0, 0)
    row_count: int = 0
    """N."""
    rows: int = 0
    """Address of the first row, float32."""
    stride: int = 0
    """Numbers from the beginning of one row to that of the next."""
    quantized: int = 0
    """Workspace of `quantized_bytes(N, K)`."""
    results: int = 0
    """[N, M] float32, written."""


class ForwardArgs(NamedTuple):
    """Arguments of `forward`: L layers with vectors [H] over B sequences of at most T tokens, N in all.

    Tokens and outputs are [B, T] where `row_counts` is 0, and N is B * T. Sequences of different lengths are packed
    otherwise, the longest first: the rows of time 0 for all sequences, then those of time 1 for the sequences that have
    one, and so on.
    """

    cell: int
    """Place in CELLS."""
    depth: int
    """L."""
    layers: int
    """Address of LayerArgs [L]."""
    embedding: int
    """[V, E] float32 or float16."""
    half_precision: int
    """Whether the embedding is float16."""
    batch_size: int
    """B."""
    length: int
    """T."""
    token_count: int
    """N."""
    tokens: int
    """[N] int64; anything may be read for a token below 0, which stands for none."""
    outputs: int
    """[N, H] float32 of the last layer, written."""
    vectors_before: int
    """[B, L, H] float32."""
    memory_before: int
    """[B, L, H] float32, for an LSTM."""
    vectors: int
    """[B, L, H] float32, written."""
    memory: int
    """[B, L, H] float32, written for an LSTM."""
    embedded: int
    """Workspace [N, E] float32."""
    quantized_inputs: int
    """Workspace of `quantized_bytes(N, max(E, H))`."""
    quantized_state: int
    """Workspace of `quantized_bytes(B, H)`."""
    gates: int
    """Workspace [N, G * H] float32."""
    state_gates: int
    """Workspace [B, G * H] float32."""
    row_counts: int = 0
    """[T] int64: how many sequences have a token at each time; 0: all of them."""
    first_rows: int = 0
    """[T] int64: the row of the first sequence's token at each time; only with `row_counts`."""


class QuantizedRows(NamedTuple):
    """Rows of bytes with their scales."""

    values: Bytes
    """[N, K padded to a multiple of 8]; padding may be anything below 128."""
    scales: Floats
    """[N]."""


LAYER_RECORD = record_dtype(LayerArgs)
_FORWARD_TASK = task_record(ForwardArgs)


def forward(task_address: int) -> None:
    """Entry function: run the layers over sequences, as ForwardArgs say."""
    task = array_at(task_address, 1, _FORWARD_TASK)[0]
    run_layers(task.team, task.args, 0)


@subroutine
def matmul(team: Team, args: MatmulArgs, begin: int) -> int:
    """Multiply rows by a matrix, on all threads, in iterations from `begin` on; return the next one."""
    begin = _quantize_rows(team, begin, args.row_count, args)
    return _multiply_panels(team, begin, args.matrix.outputs // PANEL_OUTPUTS, (args, team.size))


@subroutine
def run_layers(team: Team, args: ForwardArgs, begin: int) -> int:
    """Run all layers, on all threads, in iterations from `begin` on; return the next one."""
    begin = _load_first_inputs(team, begin, args.batch_size, args)
    for i in range(args.depth):
        panels = _layer(args, i).of_state.outputs // PANEL_OUTPUTS
        for t in range(args.length):
            input_panels = panels if t == 0 else 0  # inputs are multiplied for all times at once
            begin = _multiply_gates(team, begin, input_panels + panels, (args, i, t, input_panels, team.size))
            begin = _step_cells(team, begin, _row_count(args, t), (args, i, t))
    return begin


@subroutine
def _row_count(args: ForwardArgs, t: int) -> int:
    """Return how many sequences, the first ones, have a token at time t."""
    count: int = args.batch_size
    if args.row_counts:
        count = array_at(args.row_counts, args.length, np.int64)[t]
    return count


@subroutine
def _row_of(args: ForwardArgs, b: int, t: int) -> int:
    """Return the row of tokens, gates and outputs for sequence b at time t."""
    row: int = b * args.length + t
    if args.row_counts:
        row = array_at(args.first_rows, args.length, np.int64)[t] + b
    return row


@parallel_for
@subroutine
def _quantize_rows(n: int, args: MatmulArgs) -> None:
    """Quantize row n of a matrix product."""
    inputs = args.matrix.inputs
    row = array_at(args.rows + 4 * n * args.stride, inputs, np.float32)
    _quantize_row(row, _quantized_rows(args.quantized, args.row_count, inputs), n)


@parallel_for
@subroutine
def _multiply_panels(panel: int, args: tuple[MatmulArgs, int]) -> None:
    """Multiply all rows of a matrix product by one panel; arguments and the size of the team."""
    call, team_size = args
    rows = _quantized_rows(call.quantized, call.row_count, call.matrix.inputs)
    _multiply(panel, team_size, rows, call.matrix, float_matrix(call.results, call.row_count, call.matrix.outputs))


@parallel_for
@subroutine
def _load_first_inputs(b: int, args: ForwardArgs) -> None:
    """Prepare the first layer for sequence b."""
    _load_inputs(args, 0, b)


@parallel_for
@subroutine
def _multiply_gates(iteration: int, args: tuple[ForwardArgs, int, int, int, int]) -> None:
    """Multiply inputs (the first `input_panels` iterations) or states at time t by a panel of layer i."""
    call, i, t, input_panels, team_size = args
    layer, inputs = _layer(call, i), call.token_count
    if iteration < input_panels:
        rows = _quantized_rows(call.quantized_inputs, inputs, layer.of_inputs.inputs)
        gates = float_matrix(call.gates, inputs, layer.of_inputs.outputs)
        _multiply(iteration, team_size, rows, layer.of_inputs, gates)
    else:
        rows = _quantized_rows(call.quantized_state, call.batch_size, layer.of_state.inputs)
        rows = QuantizedRows(rows.values[: _row_count(call, t)], rows.scales)
        gates = float_matrix(call.state_gates, call.batch_size, layer.of_state.outputs)
        _multiply(iteration - input_panels, team_size, rows, layer.of_state, gates)


@parallel_for
@subroutine
def _step_cells(b: int, args: tuple[ForwardArgs, int, int]) -> None:
    """Step layer i of sequence b at time t, and quantize what is multiplied next."""
    call, i, t = args
    count, hidden, units = call.batch_size, _layer(call, i).of_state.inputs, _layer(call, i).of_state.outputs
    gates = float_matrix(call.gates, call.token_count, units)
    state_gates = float_matrix(call.state_gates, count, units)
    vectors, memory = _state(call.vectors, call, hidden), _state(call.memory, call, hidden)
    outputs = float_matrix(call.outputs, call.token_count, hidden)
    going_on = _row_count(call, t + 1) if t + 1 < call.length else 0
    n = _row_of(call, b, t)
    cell_step(call.cell, gates[n], state_gates[b], vectors[b, i], memory[b, i])
    _copy_row(vectors[b, i], outputs[n])
    if b < going_on:
        _quantize_row(vectors[b, i], _quantized_rows(call.quantized_state, count, hidden), b)
    elif i + 1 < call.depth:
        _load_inputs(call, i + 1, b)


@subroutine
def _load_inputs(args: ForwardArgs, i: int, b: int) -> None:
    """Prepare layer i for sequence b: quantize its inputs and the vector before, copy the state before."""
    hidden = _layer(args, i).of_state.inputs
    width = _layer(args, i).of_inputs.inputs
    inputs = float_matrix(args.embedded if i == 0 else args.outputs, args.token_count, width)
    rows = _quantized_rows(args.quantized_inputs, len(inputs), width)
    tokens = array_at(args.tokens, len(inputs), np.int64)
    for t in range(args.length):
        if b >= _row_count(args, t):
            break
        n = _row_of(args, b, t)
        if i == 0:
            _embed(args, max(tokens[n], 0), inputs[n])
        _quantize_row(inputs[n], rows, n)
    _copy_row(_state(args.memory_before, args, hidden)[b, i], _state(args.memory, args, hidden)[b, i])
    vector = _state(args.vectors, args, hidden)[b, i]
    _copy_row(_state(args.vectors_before, args, hidden)[b, i], vector)
    _quantize_row(vector, _quantized_rows(args.quantized_state, args.batch_size, hidden), b)


@subroutine
def float_matrix(address: int, rows: int, columns: int) -> Floats:
    """View the memory at an address as numbers [rows, columns]."""
    return array_at(address, (rows, columns), np.float32)


def quantized_bytes(count: int, inputs: int) -> int:
    """Return the size of workspace for QuantizedRows [count, inputs]."""
    return count * (4 + inputs + -inputs % FACTORS_PER_STEP)


@subroutine
def _quantized_rows(address: int, count: int, inputs: int) -> QuantizedRows:
    """View a workspace of `quantized_bytes` as rows."""
    values = array_at(address + 4 * count, (count, inputs + -inputs % FACTORS_PER_STEP), np.uint8)
    return QuantizedRows(values, array_at(address, count, np.float32))


@subroutine
def _state(address: int, args: ForwardArgs, hidden: int) -> Floats:
    """View vectors as [B, L, H]."""
    return array_at(address, (args.batch_size, args.depth, hidden), np.float32)


@subroutine
def _layer(args: ForwardArgs, i: int) -> LayerArgs:
    layer: LayerArgs = array_at(args.layers, args.depth, LAYER_RECORD)[i]
    return layer


@subroutine
def _embed(args: ForwardArgs, token: int, out: Floats) -> None:
    """Copy a token's row of the embedding to `out` [E]."""
    width = len(out)
    if args.half_precision:
        _widen_float16(array_at(args.embedding + 2 * token * width, width, np.uint16), out)
    else:
        _copy_row(array_at(args.embedding + 4 * token * width, width, np.float32), out)


@subroutine
def _widen_float16(halves: NDArray[np.uint16], out: Floats) -> None:
    """Convert float16, given as their bits and none of them infinite, to float32."""
    for j in range(len(out)):
        bits = np.int32(halves[j])
        # Ten bits of fraction above, where a float32 has 23, is five of exponent, whose bias is less by 112.
        magnitude = np.int32((bits & np.int32(0x7FFF)) << np.int32(13)).view(np.float32) * _EXPONENT_SHIFT
        sign = (bits & np.int32(0x8000)) << np.int32(16)
        out[j] = np.int32(np.float32(magnitude).view(np.int32) | sign).view(np.float32)


@subroutine
def _copy_row(numbers: Floats, out: Floats) -> None:
    for j in range(len(numbers)):
        out[j] = numbers[j]


@subroutine
def _quantize_row(row: Floats, rows: QuantizedRows, n: int) -> None:
    """Quantize a row of numbers to row n of `rows`: round(63 * number / largest magnitude) + 64.

    The scale of a row with NaN or infinity is NaN, and so will be all that is computed from the row.
    """
    largest = np.int32(0)
    for k in range(len(row)):  # magnitudes are ordered as their bits are, NaN being the largest
        largest = max(largest, np.int32(np.float32(row[k]).view(np.int32) & _MAGNITUDE_BITS))
    magnitude = np.int32(largest).view(np.float32)
    factor = np.float32(0) if magnitude < _NEGLIGIBLE else _LARGEST / magnitude
    values = rows.values[n]
    for k in range(len(row)):
        values[k] = np.uint8(np.int32(row[k] * factor + _ROUNDING))
    rows.scales[n] = magnitude / _LARGEST + magnitude * np.float32(0)


@subroutine
def _multiply(panel: int, team_size: int, rows: QuantizedRows, matrix: MatrixArgs, results: Floats) -> None:
    """Multiply rows by one panel of a matrix; prefetch the panel that this thread will probably have next."""
    count, padded = rows.values.shape
    size = panel_bytes(padded)
    panel_address = matrix.panels + panel * size
    multiply_panel(
        rows.values.ctypes.data,
        rows.scales.ctypes.data,
        count,
        panel_address,
        padded // FACTORS_PER_STEP,
        results.ctypes.data + 4 * panel * PANEL_OUTPUTS,
        4 * matrix.outputs,
        panel_address + team_size * size,
    )
