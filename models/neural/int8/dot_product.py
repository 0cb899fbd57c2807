"""Dot products of bytes in the widest instructions of the processor: the inner loop of int8 products.

`multiply_panel` emits the LLVM code of the function of that name in `panel`, which compiled functions call; it is
imported only when one is compiled. Bytes of rows are 0 to 127 and those of a matrix -63 to 63, so that nothing
saturates and every processor finds the same sums. Without an instruction for four products at a time (VNNI), two
products are added in 16 bits, two such pairs again (at most 4 * 127 * 63 = 32,004, which fits), and only then
neighbours in 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from llvmlite import ir  # type: ignore[import-untyped]
from llvmlite.ir import IRBuilder, Value  # type: ignore[import-untyped]
from numba.core import cgutils
from numba.core.cpu import CPUContext

from models.kernels.native.instructions import emit_prefetch
from models.kernels.workspace import CACHE_LINE
from models.neural.int8.panel import BYTES_PER_LANE, FACTORS_PER_STEP, PANEL_OUTPUTS

_PREFETCHING_ROWS = FACTORS_PER_STEP * PANEL_OUTPUTS // CACHE_LINE
"""Rows that are multiplied while the next panel comes from memory, each asking for its share of the cache lines."""

_INT8, _INT16, _INT32, _INT64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_FLOAT = ir.FloatType()
_MultiplyAccumulate: TypeAlias = Callable[[IRBuilder, Value, list[Value], list[Value]], Value]


@dataclass(frozen=True)
class InstructionSet:
    """Instructions by which one kind of processor multiplies and adds bytes."""

    feature: str
    """LLVM's name of the processor feature that it needs; empty if it needs none."""
    lanes: int
    """Sums in one register."""
    tile_rows: int
    """Rows whose sums fit in the registers together, and which share what is read of a matrix.

    Four decode steps of 16 rows take 4.9 ms in tiles of 4, and 7.4 row by row (`benchmarks.speed.tricks`)."""
    multiply_accumulate: _MultiplyAccumulate
    """Emit: a register of sums, twice four bytes of the row in all lanes, twice four of the matrix -> new sums."""


class DotArgs(NamedTuple):
    """Arguments of `multiply_panel` as LLVM values: addresses and numbers, all int64."""

    rows: Value
    """N rows of bytes."""
    scales: Value
    """A float32 for each row."""
    count: Value
    """N."""
    panel: Value
    """For every four bytes of a row the four of each of 32 matrix rows; then 32 scales, offsets (int32) and biases."""
    steps: Value
    """Length of a row in steps of eight bytes."""
    results: Value
    """32 float32 for each row, written."""
    result_stride: Value
    """Bytes between the results of two rows."""
    next_panel: Value
    """As many bytes as a panel has are prefetched from here.

    64 decode steps of one row take 15.9 ms instead of 17.2, those of 16 rows as long (`benchmarks.speed.tricks`)."""


def multiply_panel(context: CPUContext, builder: IRBuilder, *args: Value) -> Value:
    """Emit the code of `panel.multiply_panel` for this processor; `args` are those of DotArgs."""
    _, _, features = context.codegen().magic_tuple()  # type: ignore[no-untyped-call]
    instructions = best_instruction_set(features)
    emit_multiply_panel(instructions, builder, DotArgs(*args))
    return context.get_dummy_value()  # type: ignore[no-untyped-call]


def best_instruction_set(features: str) -> InstructionSet:
    """Return the first of INSTRUCTION_SETS that a processor with these LLVM features can execute."""
    available = features.split(",")
    return next(kind for kind in INSTRUCTION_SETS if not kind.feature or f"+{kind.feature}" in available)


def emit_multiply_panel(instructions: InstructionSet, builder: IRBuilder, args: DotArgs) -> None:
    """Emit `multiply_panel` for one kind of processor: whole tiles of rows, then the rest one by one."""
    tile = _INT64(instructions.tile_rows)
    in_tiles = builder.mul(builder.udiv(args.count, tile), tile)
    with cgutils.for_range_slice(builder, _INT64(0), in_tiles, tile) as (first, _):
        _emit_tile(instructions, builder, args, [builder.add(first, _INT64(i)) for i in range(instructions.tile_rows)])
    with cgutils.for_range_slice(builder, in_tiles, args.count, _INT64(1)) as (row, _):
        _emit_tile(instructions, builder, args, [row])


def _emit_tile(instructions: InstructionSet, builder: IRBuilder, args: DotArgs, indices: list[Value]) -> None:
    """Emit `multiply_panel` for the rows at `indices`."""
    numbers = _element_address(builder, args.panel, args.steps, _INT64(FACTORS_PER_STEP * PANEL_OUTPUTS))
    for index, sums in zip(indices, _emit_sums(instructions, builder, args, indices), strict=True):
        scale = _emit_load(builder, args.scales, builder.mul(index, _INT64(4)), _FLOAT)
        results = _element_address(builder, args.results, index, args.result_stride)
        _store_results(builder, sums, scale, numbers, results)


def _emit_sums(
    instructions: InstructionSet, builder: IRBuilder, args: DotArgs, indices: list[Value]
) -> list[list[Value]]:
    """Emit the loop over factors; return for each row the registers with its sums."""
    lanes = instructions.lanes
    register, bytes_ = ir.VectorType(_INT32, lanes), ir.VectorType(_INT8, BYTES_PER_LANE * lanes)
    parts = range(PANEL_OUTPUTS // lanes)
    row_bytes = builder.mul(args.steps, _INT64(FACTORS_PER_STEP))
    rows = [_element_address(builder, args.rows, index, row_bytes) for index in indices]
    shares = [builder.and_(index, _INT64(_PREFETCHING_ROWS - 1)) for index in indices]
    share_bytes = builder.mul(args.steps, _INT64(CACHE_LINE))
    lines = [_element_address(builder, args.next_panel, share, share_bytes) for share in shares]
    totals = [[_alloca(builder, register(None)) for _ in parts] for _ in indices]
    with cgutils.for_range(builder, args.steps) as loop:
        for line in lines:
            emit_prefetch(builder, builder.add(line, _scaled(builder, loop.index, CACHE_LINE, 0)), cache_level=2)
        factors = []
        for row in rows:
            places = [_scaled(builder, loop.index, FACTORS_PER_STEP, BYTES_PER_LANE * half) for half in range(2)]
            fours = [_emit_load(builder, row, place, _INT32) for place in places]
            factors.append([builder.bitcast(_broadcast(builder, four, lanes), bytes_) for four in fours])
        for part in parts:
            offsets = [BYTES_PER_LANE * (PANEL_OUTPUTS * half + lanes * part) for half in range(2)]
            places = [_scaled(builder, loop.index, FACTORS_PER_STEP * PANEL_OUTPUTS, offset) for offset in offsets]
            matrix = [_emit_load(builder, args.panel, place, bytes_) for place in places]
            for row_factors, row_totals in zip(factors, totals, strict=True):
                total = builder.load(row_totals[part])
                total = instructions.multiply_accumulate(builder, total, row_factors, matrix)
                builder.store(total, row_totals[part])
    return [[builder.load(total) for total in row_totals] for row_totals in totals]


def _store_results(builder: IRBuilder, totals: list[Value], scale: Value, numbers: Value, results: Value) -> None:
    """Emit the results of a row, given its sums and the address of the numbers after a panel's bytes."""
    for part, total in enumerate(totals):
        offset = _INT64(4 * total.type.count * part)
        scales = _broadcast(builder, scale, total.type.count)
        values = _dequantize(builder, total, scales, builder.add(numbers, offset))
        builder.store(values, builder.inttoptr(builder.add(results, offset), values.type.as_pointer()), align=4)


def _dequantize(builder: IRBuilder, total: Value, row_scales: Value, numbers: Value) -> Value:
    """Emit the conversion of sums to float32, given the address of the numbers after a panel's bytes."""
    whole, real = total.type, ir.VectorType(_FLOAT, total.type.count)
    kinds = enumerate((real, whole, real))
    scales, offsets, biases = (_emit_load(builder, numbers, _INT64(4 * PANEL_OUTPUTS * i), kind) for i, kind in kinds)
    product = builder.fmul(builder.sitofp(builder.sub(total, offsets), real), builder.fmul(row_scales, scales))
    return builder.fadd(product, biases)


def _emit_load(builder: IRBuilder, base: Value, offset: Value, kind: ir.Type) -> Value:
    return builder.load(builder.inttoptr(builder.add(base, offset), kind.as_pointer()), align=1)


def _element_address(builder: IRBuilder, base: Value, index: Value, size: Value) -> Value:
    """Emit the address of an element of an array whose elements have this size."""
    return builder.add(base, builder.mul(index, size))


def _scaled(builder: IRBuilder, index: Value, factor: int, offset: int) -> Value:
    """Emit index * factor + offset."""
    return builder.add(builder.mul(index, _INT64(factor)), _INT64(offset))


def _broadcast(builder: IRBuilder, value: Value, lanes: int) -> Value:
    """Emit a vector with the value in all lanes."""
    kind = ir.VectorType(value.type, lanes)
    first = builder.insert_element(kind(ir.Undefined), value, _INT32(0))
    return builder.shuffle_vector(first, kind(ir.Undefined), ir.VectorType(_INT32, lanes)(None))


def _call_llvm(builder: IRBuilder, name: str, arguments: list[Value], result: ir.Type) -> Value:
    """Emit a call of an LLVM intrinsic."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    return builder.call(function, arguments)


def _alloca(builder: IRBuilder, value: Value) -> Value:
    """Emit a local variable with an initial value."""
    return cgutils.alloca_once_value(builder, value)  # type: ignore[no-untyped-call]


def _vnni(name: str) -> _MultiplyAccumulate:
    """Return code for VNNI: one instruction adds four products to each sum."""

    def multiply_accumulate(builder: IRBuilder, total: Value, left: list[Value], right: list[Value]) -> Value:
        for x, y in zip(left, right, strict=True):
            words = [builder.bitcast(bytes_, total.type) for bytes_ in (x, y)]
            total = _call_llvm(builder, name, [total, *words], total.type)
        return total

    return multiply_accumulate


def _pairwise(
    pairs: Callable[[IRBuilder, Value, Value], Value], neighbors: Callable[[IRBuilder, Value], Value]
) -> _MultiplyAccumulate:
    """Return code that adds in 16 bits first, where there is no VNNI.

    `pairs` multiplies bytes and adds two and two, `neighbors` adds two and two of the sums.
    """

    def multiply_accumulate(builder: IRBuilder, total: Value, left: list[Value], right: list[Value]) -> Value:
        words = builder.add(*[pairs(builder, x, y) for x, y in zip(left, right, strict=True)])
        return builder.add(total, neighbors(builder, words))

    return multiply_accumulate


def _avx2_pairs(builder: IRBuilder, left: Value, right: Value) -> Value:
    words = ir.VectorType(_INT16, left.type.count // 2)
    return _call_llvm(builder, "llvm.x86.avx2.pmadd.ub.sw", [left, right], words)


def _avx2_neighbors(builder: IRBuilder, words: Value) -> Value:
    ones = words.type([1] * words.type.count)
    return _call_llvm(builder, "llvm.x86.avx2.pmadd.wd", [words, ones], ir.VectorType(_INT32, words.type.count // 2))


def _portable_pairs(builder: IRBuilder, left: Value, right: Value) -> Value:
    words = ir.VectorType(_INT16, left.type.count)
    return builder.add(*_even_and_odd(builder, builder.mul(builder.zext(left, words), builder.sext(right, words))))


def _portable_neighbors(builder: IRBuilder, words: Value) -> Value:
    wide = ir.VectorType(_INT32, words.type.count // 2)
    return builder.add(*[builder.sext(half, wide) for half in _even_and_odd(builder, words)])


def _even_and_odd(builder: IRBuilder, numbers: Value) -> list[Value]:
    """Emit two vectors: the elements at even places and those at odd ones."""
    places = [list(range(odd, numbers.type.count, 2)) for odd in range(2)]
    masks = [ir.VectorType(_INT32, len(half))(half) for half in places]
    return [builder.shuffle_vector(numbers, numbers.type(ir.Undefined), mask) for mask in masks]


INSTRUCTION_SETS = (
    InstructionSet("avx512vnni", 16, 4, _vnni("llvm.x86.avx512.vpdpbusd.512")),
    InstructionSet("avxvnni", 8, 2, _vnni("llvm.x86.avx512.vpdpbusd.256")),
    InstructionSet("avx2", 8, 2, _pairwise(_avx2_pairs, _avx2_neighbors)),
    InstructionSet("", 8, 1, _pairwise(_portable_pairs, _portable_neighbors)),
)
"""From the best to the one that every processor has."""
