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
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils

from models.instructions import ask_for, instruction

OUTPUTS = 32
"""How many sums one call makes."""
GROUP = 8
"""How many factors of each sum one step of the loop reads; what is left over is padded with zeros."""
LANE = 4
"""How many neighbouring factors of one sum lie together: bytes of one 32-bit lane."""
LINE = 64
"""Bytes that come from memory together."""

_BYTE, _WORD, _SUM, _SIZE = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_Step = Callable[[Any, list[Any], list[Any], list[Any]], list[Any]]


@dataclass(frozen=True)
class Instructions:
    """How one kind of processor does it: with `lanes` sums in a register, each in two parts that are added at last."""

    feature: str
    lanes: int
    step: _Step
    """Takes the two registers, twice four bytes of the vector in all lanes, twice four of the matrix."""


@instruction(types.void, types.int64, types.int64, types.int64, types.float32, types.int64, types.int64)
def dot(context: Any, builder: Any, vector: Any, panel: Any, steps: Any, scale: Any, results: Any, ahead: Any) -> Any:
    """Write 32 results (float32), (sum - offset) * (scale * its scale) + bias, given addresses of everything.

    `vector` has 8 * steps bytes; `panel` has, for each four of them, the four bytes of each of 32 rows, and then 32
    scales, offsets (int32) and biases. Meanwhile a cache line is asked for at each step, from `ahead` on.
    """
    emit(best(context.codegen().magic_tuple()[2]), builder, vector, panel, steps, scale, results, ahead)
    return context.get_dummy_value()


@njit
def bytes_of_panel(factors: Any) -> Any:
    """How many bytes a panel has for so many factors of each sum, a multiple of 8: four for each of three numbers."""
    return OUTPUTS * (factors + 3 * 4)


def best(features: str) -> Instructions:
    """The first that a processor with these features, as LLVM writes them, can execute."""
    return next(each for each in INSTRUCTIONS if not each.feature or f"+{each.feature}" in features.split(","))


def emit(
    by: Instructions, builder: Any, vector: Any, panel: Any, steps: Any, scale: Any, results: Any, ahead: Any
) -> None:
    """Append the code of `dot` for one kind of processor; the arguments are int64 values and the scale a float."""
    register, bytes_ = ir.VectorType(_SUM, by.lanes), ir.VectorType(_BYTE, LANE * by.lanes)
    parts = range(OUTPUTS // by.lanes)
    totals = [[_variable(builder, register(None)) for _ in range(2)] for _ in parts]
    with cgutils.for_range(builder, steps) as loop:
        ask_for(builder, builder.add(ahead, _affine(builder, loop.index, LINE, 0)), cache=2)
        left = [_load(builder, vector, _affine(builder, loop.index, GROUP, LANE * half), _SUM) for half in range(2)]
        spread = [builder.bitcast(_all_lanes(builder, four, by.lanes), bytes_) for four in left]
        for part, pair in zip(parts, totals, strict=True):
            offsets = [OUTPUTS * LANE * half + LANE * by.lanes * part for half in range(2)]
            places = [_affine(builder, loop.index, GROUP * OUTPUTS, offset) for offset in offsets]
            right = [_load(builder, panel, place, bytes_) for place in places]
            values = by.step(builder, [builder.load(total) for total in pair], spread, right)
            for total, value in zip(pair, values, strict=True):
                builder.store(value, total)
    numbers = builder.add(panel, _affine(builder, steps, GROUP * OUTPUTS, 0))
    for part, pair in zip(parts, totals, strict=True):
        total = builder.add(*[builder.load(total) for total in pair])
        place = _SIZE(LANE * by.lanes * part)
        made = _restore(builder, total, _all_lanes(builder, scale, by.lanes), builder.add(numbers, place))
        pointer = builder.inttoptr(builder.add(results, place), made.type.as_pointer())
        builder.store(made, pointer, align=LANE)


def _restore(builder: Any, total: Any, scale: Any, numbers: Any) -> Any:
    """Numbers from sums of bytes, given the address of what stands behind a panel's bytes."""
    whole, real = total.type, ir.VectorType(ir.FloatType(), total.type.count)
    kinds = enumerate((real, whole, real))
    scales, offsets, biases = (_load(builder, numbers, _SIZE(LANE * OUTPUTS * i), kind) for i, kind in kinds)
    product = builder.fmul(builder.sitofp(builder.sub(total, offsets), real), builder.fmul(scale, scales))
    return builder.fadd(product, biases)


def _load(builder: Any, base: Any, offset: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(builder.add(base, offset), kind.as_pointer()), align=1)


def _affine(builder: Any, index: Any, factor: int, offset: int) -> Any:
    return builder.add(builder.mul(index, _SIZE(factor)), _SIZE(offset))


def _all_lanes(builder: Any, value: Any, lanes: int) -> Any:
    kind = ir.VectorType(value.type, lanes)
    first = builder.insert_element(kind(ir.Undefined), value, _SUM(0))
    return builder.shuffle_vector(first, kind(ir.Undefined), ir.VectorType(_SUM, lanes)(None))


def _call(builder: Any, name: str, arguments: list[Any], result: Any) -> Any:
    kind = ir.FunctionType(result, [a.type for a in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    return builder.call(function, arguments)


def _variable(builder: Any, value: Any) -> Any:
    return cgutils.alloca_once_value(builder, value)  # type: ignore[no-untyped-call]


def _four_at_a_time(name: str) -> _Step:
    """VNNI: an instruction that adds four products to each sum."""

    def step(builder: Any, totals: list[Any], left: list[Any], right: list[Any]) -> list[Any]:
        return [
            _call(builder, name, [total, builder.bitcast(x, total.type), builder.bitcast(y, total.type)], total.type)
            for total, x, y in zip(totals, left, right, strict=True)
        ]

    return step


def _two_at_a_time(pairs: Callable[[Any, Any, Any], Any], neighbours: Callable[[Any, Any], Any]) -> _Step:
    """The sums of 16 bits that the module's docstring explains: `pairs` multiplies bytes and adds two and two."""

    def step(builder: Any, totals: list[Any], left: list[Any], right: list[Any]) -> list[Any]:
        words = builder.add(*[pairs(builder, x, y) for x, y in zip(left, right, strict=True)])
        return [builder.add(totals[0], neighbours(builder, words)), totals[1]]

    return step


def _pairs_of_avx2(builder: Any, left: Any, right: Any) -> Any:
    words = ir.VectorType(_WORD, left.type.count // 2)
    return _call(builder, "llvm.x86.avx2.pmadd.ub.sw", [left, right], words)


def _neighbours_of_avx2(builder: Any, words: Any) -> Any:
    ones = words.type([1] * words.type.count)
    return _call(builder, "llvm.x86.avx2.pmadd.wd", [words, ones], ir.VectorType(_SUM, words.type.count // 2))


def _pairs_anywhere(builder: Any, left: Any, right: Any) -> Any:
    words = ir.VectorType(_WORD, left.type.count)
    return builder.add(*_apart(builder, builder.mul(builder.zext(left, words), builder.sext(right, words))))


def _neighbours_anywhere(builder: Any, words: Any) -> Any:
    wide = ir.VectorType(_SUM, words.type.count // 2)
    return builder.add(*[builder.sext(half, wide) for half in _apart(builder, words)])


def _apart(builder: Any, numbers: Any) -> list[Any]:
    """Those at even places and those at odd ones."""
    places = [list(range(odd, numbers.type.count, 2)) for odd in range(2)]
    masks = [ir.VectorType(_SUM, len(half))(half) for half in places]
    return [builder.shuffle_vector(numbers, numbers.type(ir.Undefined), mask) for mask in masks]


INSTRUCTIONS = (
    Instructions("avx512vnni", 16, _four_at_a_time("llvm.x86.avx512.vpdpbusd.512")),
    Instructions("avxvnni", 8, _four_at_a_time("llvm.x86.avx512.vpdpbusd.256")),
    Instructions("avx2", 8, _two_at_a_time(_pairs_of_avx2, _neighbours_of_avx2)),
    Instructions("", 8, _two_at_a_time(_pairs_anywhere, _neighbours_anywhere)),
)
