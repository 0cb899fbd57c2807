"""Sums of products of bytes in the widest instructions the processor has: the inner loop of every int8 product.

It knows vector registers, LLVM's names for their instructions, and how a panel of a matrix lies in memory. It does not
know whole matrices, rows or threads.

A vector's bytes are 0 to 127 and a matrix's -63 to 63, so nothing saturates and every processor finds the same sums.
Without an instruction for four products at a time (VNNI), two products are added in 16 bits, two such pairs again (at
most 4 * 127 * 63 = 32,004, which fits), and only then neighbours in 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils

from models.kernels.jit import emit_prefetch, llvm_intrinsic

PANEL_OUTPUTS = 32
"""How many sums one call makes."""
FACTORS_PER_STEP = 8
"""How many factors of each sum one step of the loop reads; what is left over is padded with zeros."""
BYTES_PER_LANE = 4
"""How many neighbouring factors of one sum lie together: bytes of one 32-bit lane."""
CACHE_LINE = 64
"""Bytes that come from memory together."""
_PREFETCHING_ROWS = FACTORS_PER_STEP * PANEL_OUTPUTS // CACHE_LINE
"""So many rows are multiplied while the next panel comes from memory, each asking for a share of it."""

_BYTE, _WORD, _SUM, _SIZE = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_MultiplyAccumulate = Callable[[Any, Any, list[Any], list[Any]], Any]


@dataclass(frozen=True)
class InstructionSet:
    """How one kind of processor does it: with `lanes` sums in a register."""

    feature: str
    lanes: int
    tile_rows: int
    """So many rows have room for their sums in registers, and share what is read of a matrix."""
    multiply_accumulate: _MultiplyAccumulate
    """Takes a register of sums, twice four bytes of the vector in all lanes, twice four of the matrix."""


class DotArgs(NamedTuple):
    """Addresses, numbers of things and of bytes, all int64: what one call works on."""

    rows: Any
    """N rows of bytes,"""
    scales: Any
    """a float32 for each,"""
    count: Any
    """how many they are."""
    panel: Any
    """For each four bytes of a row, the four of each of 32 others; then 32 scales, offsets (int32) and biases."""
    steps: Any
    """An eighth of the length of a row."""
    results: Any
    """Room for 32 float32 for each row,"""
    result_stride: Any
    """and how many bytes lie between the first of two rows."""
    next_panel: Any
    """As many bytes from here on as a panel has come into the cache meanwhile."""


@llvm_intrinsic(types.void, *[types.int64] * len(DotArgs._fields))
def multiply_panel(
    context: Any, builder: Any, rows: Any, scales: Any, count: Any, panel: Any, steps: Any, results: Any, apart: Any,
    ahead: Any,
) -> Any:  # fmt: skip
    """Write (sum - offset) * (scale of the row * scale of the other) + bias of each row of `DotArgs` and 32 others."""
    by = best_instruction_set(context.codegen().magic_tuple()[2])
    emit_multiply_panel(by, builder, DotArgs(rows, scales, count, panel, steps, results, apart, ahead))
    return context.get_dummy_value()


@njit
def panel_bytes(factors: Any) -> Any:
    """How many bytes a panel has for so many factors of each sum, a multiple of 8: four for each of three numbers."""
    return PANEL_OUTPUTS * (factors + 3 * 4)


def best_instruction_set(features: str) -> InstructionSet:
    """The first that a processor with these features, as LLVM writes them, can execute."""
    return next(each for each in INSTRUCTION_SETS if not each.feature or f"+{each.feature}" in features.split(","))


def emit_multiply_panel(by: InstructionSet, builder: Any, given: DotArgs) -> None:
    """Append the code of `dot` for one kind of processor."""
    whole = builder.mul(builder.udiv(given.count, _SIZE(by.tile_rows)), _SIZE(by.tile_rows))
    with cgutils.for_range_slice(builder, _SIZE(0), whole, _SIZE(by.tile_rows)) as (first, _):
        _emit_tile(by, builder, given, [builder.add(first, _SIZE(i)) for i in range(by.tile_rows)])
    with cgutils.for_range_slice(builder, whole, given.count, _SIZE(1)) as (left, _):
        _emit_tile(by, builder, given, [left])


def _emit_tile(by: InstructionSet, builder: Any, given: DotArgs, places: list[Any]) -> None:
    """What `dot` does with the rows of these numbers."""
    numbers = _element_address(builder, given.panel, given.steps, _SIZE(FACTORS_PER_STEP * PANEL_OUTPUTS))
    for place, sums in zip(places, _emit_sums(by, builder, given, places), strict=True):
        scale = _load(builder, given.scales, builder.mul(place, _SIZE(BYTES_PER_LANE)), ir.FloatType())
        _store_results(
            builder, sums, scale, numbers, _element_address(builder, given.results, place, given.result_stride)
        )


def _emit_sums(by: InstructionSet, builder: Any, given: DotArgs, places: list[Any]) -> list[list[Any]]:
    """Registers with the sums of each row."""
    register, bytes_ = ir.VectorType(_SUM, by.lanes), ir.VectorType(_BYTE, BYTES_PER_LANE * by.lanes)
    parts = range(PANEL_OUTPUTS // by.lanes)
    rows = [
        _element_address(builder, given.rows, place, builder.mul(given.steps, _SIZE(FACTORS_PER_STEP)))
        for place in places
    ]
    shares = [builder.and_(place, _SIZE(_PREFETCHING_ROWS - 1)) for place in places]
    lines = [
        _element_address(builder, given.next_panel, share, builder.mul(given.steps, _SIZE(CACHE_LINE)))
        for share in shares
    ]
    totals = [[_alloca(builder, register(None)) for _ in parts] for _ in places]
    with cgutils.for_range(builder, given.steps) as loop:
        for line in lines:
            emit_prefetch(builder, builder.add(line, _scaled(builder, loop.index, CACHE_LINE, 0)), cache=2)
        left = []
        for row in rows:
            fours = [
                _load(builder, row, _scaled(builder, loop.index, FACTORS_PER_STEP, BYTES_PER_LANE * half), _SUM)
                for half in range(2)
            ]
            left.append([builder.bitcast(_broadcast(builder, four, by.lanes), bytes_) for four in fours])
        for part in parts:
            offsets = [PANEL_OUTPUTS * BYTES_PER_LANE * half + BYTES_PER_LANE * by.lanes * part for half in range(2)]
            within = [_scaled(builder, loop.index, FACTORS_PER_STEP * PANEL_OUTPUTS, offset) for offset in offsets]
            right = [_load(builder, given.panel, place, bytes_) for place in within]
            for spread, of_row in zip(left, totals, strict=True):
                builder.store(by.multiply_accumulate(builder, builder.load(of_row[part]), spread, right), of_row[part])
    return [[builder.load(total) for total in of_row] for of_row in totals]


def _store_results(builder: Any, totals: list[Any], scale: Any, numbers: Any, results: Any) -> None:
    """Write the results of a row, given its sums and the address of what stands behind a panel's bytes."""
    for part, total in enumerate(totals):
        place = _SIZE(BYTES_PER_LANE * total.type.count * part)
        spread = _broadcast(builder, scale, total.type.count)
        made = _dequantize(builder, total, spread, builder.add(numbers, place))
        builder.store(made, builder.inttoptr(builder.add(results, place), made.type.as_pointer()), align=BYTES_PER_LANE)


def _dequantize(builder: Any, total: Any, scale: Any, numbers: Any) -> Any:
    """Numbers from sums of bytes, given the address of what stands behind a panel's bytes."""
    whole, real = total.type, ir.VectorType(ir.FloatType(), total.type.count)
    kinds = enumerate((real, whole, real))
    scales, offsets, biases = (
        _load(builder, numbers, _SIZE(BYTES_PER_LANE * PANEL_OUTPUTS * i), kind) for i, kind in kinds
    )
    product = builder.fmul(builder.sitofp(builder.sub(total, offsets), real), builder.fmul(scale, scales))
    return builder.fadd(product, biases)


def _load(builder: Any, base: Any, offset: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(builder.add(base, offset), kind.as_pointer()), align=1)


def _element_address(builder: Any, base: Any, index: Any, size: Any) -> Any:
    """The address of what lies at an index, everything before having that size."""
    return builder.add(base, builder.mul(index, size))


def _scaled(builder: Any, index: Any, factor: int, offset: int) -> Any:
    return builder.add(builder.mul(index, _SIZE(factor)), _SIZE(offset))


def _broadcast(builder: Any, value: Any, lanes: int) -> Any:
    kind = ir.VectorType(value.type, lanes)
    first = builder.insert_element(kind(ir.Undefined), value, _SUM(0))
    return builder.shuffle_vector(first, kind(ir.Undefined), ir.VectorType(_SUM, lanes)(None))


def _call_llvm(builder: Any, name: str, arguments: list[Any], result: Any) -> Any:
    kind = ir.FunctionType(result, [a.type for a in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    return builder.call(function, arguments)


def _alloca(builder: Any, value: Any) -> Any:
    return cgutils.alloca_once_value(builder, value)  # type: ignore[no-untyped-call]


def _vnni(name: str) -> _MultiplyAccumulate:
    """VNNI: an instruction that adds four products to each sum."""

    def step(builder: Any, total: Any, left: list[Any], right: list[Any]) -> Any:
        for x, y in zip(left, right, strict=True):
            total = _call_llvm(
                builder, name, [total, *(builder.bitcast(each, total.type) for each in (x, y))], total.type
            )
        return total

    return step


def _pairwise(pairs: Callable[[Any, Any, Any], Any], neighbours: Callable[[Any, Any], Any]) -> _MultiplyAccumulate:
    """The sums of 16 bits that the module's docstring explains: `pairs` multiplies bytes and adds two and two."""

    def step(builder: Any, total: Any, left: list[Any], right: list[Any]) -> Any:
        words = builder.add(*[pairs(builder, x, y) for x, y in zip(left, right, strict=True)])
        return builder.add(total, neighbours(builder, words))

    return step


def _avx2_pairs(builder: Any, left: Any, right: Any) -> Any:
    words = ir.VectorType(_WORD, left.type.count // 2)
    return _call_llvm(builder, "llvm.x86.avx2.pmadd.ub.sw", [left, right], words)


def _avx2_neighbors(builder: Any, words: Any) -> Any:
    ones = words.type([1] * words.type.count)
    return _call_llvm(builder, "llvm.x86.avx2.pmadd.wd", [words, ones], ir.VectorType(_SUM, words.type.count // 2))


def _portable_pairs(builder: Any, left: Any, right: Any) -> Any:
    words = ir.VectorType(_WORD, left.type.count)
    return builder.add(*_even_and_odd(builder, builder.mul(builder.zext(left, words), builder.sext(right, words))))


def _portable_neighbors(builder: Any, words: Any) -> Any:
    wide = ir.VectorType(_SUM, words.type.count // 2)
    return builder.add(*[builder.sext(half, wide) for half in _even_and_odd(builder, words)])


def _even_and_odd(builder: Any, numbers: Any) -> list[Any]:
    """Those at even places and those at odd ones."""
    places = [list(range(odd, numbers.type.count, 2)) for odd in range(2)]
    masks = [ir.VectorType(_SUM, len(half))(half) for half in places]
    return [builder.shuffle_vector(numbers, numbers.type(ir.Undefined), mask) for mask in masks]


INSTRUCTION_SETS = (
    InstructionSet("avx512vnni", 16, 4, _vnni("llvm.x86.avx512.vpdpbusd.512")),
    InstructionSet("avxvnni", 8, 2, _vnni("llvm.x86.avx512.vpdpbusd.256")),
    InstructionSet("avx2", 8, 2, _pairwise(_avx2_pairs, _avx2_neighbors)),
    InstructionSet("", 8, 1, _pairwise(_portable_pairs, _portable_neighbors)),
)
