"""Sums of products of bytes against numpy, by all instruction sets of this processor."""

import numpy as np
import pytest
from llvmlite import binding, ir
from numba import njit
from numpy.typing import NDArray

from models.neural.int8 import dot_product
from models.neural.int8.dot_product import INSTRUCTION_SETS, DotArgs, emit_multiply_panel
from models.neural.int8.panel import BYTES_PER_LANE, FACTORS_PER_STEP, PANEL_OUTPUTS, multiply_panel, panel_bytes

HERE = binding.get_host_cpu_features()


def pack_panel(matrix: NDArray[np.int8], *numbers: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return [32, K] with each row's bytes four by four, then a scale, an offset and a bias for each."""
    bytes_ = np.ascontiguousarray(matrix.reshape(PANEL_OUTPUTS, -1, BYTES_PER_LANE).transpose(1, 0, 2))
    panel = np.frombuffer(bytes_.tobytes() + b"".join(column.tobytes() for column in numbers), np.uint8)
    assert len(panel) == panel_bytes(matrix.shape[1])
    return panel


@pytest.mark.parametrize("way", INSTRUCTION_SETS, ids=lambda way: way.feature or "any processor")
@pytest.mark.parametrize("steps", [0, 1, 2, 83])
def test_multiply_panel_is_exact_also_for_the_largest_bytes(way, steps, monkeypatch):
    if way.feature and not HERE.get(way.feature):
        pytest.skip(f"this processor lacks {way.feature}")
    monkeypatch.setattr(dot_product, "best_instruction_set", lambda features: way)

    @njit
    def multiply(rows, scales, matrix, results):
        multiply_panel(
            rows.ctypes.data, scales.ctypes.data, len(rows), matrix.ctypes.data, rows.shape[1] // FACTORS_PER_STEP,
            results.ctypes.data, 4 * results.shape[1], matrix.ctypes.data,
        )  # fmt: skip

    numbers = np.random.default_rng(steps)
    matrix_scales, biases = numbers.normal(size=(2, PANEL_OUTPUTS)).astype(np.float32)
    offsets = numbers.integers(-(10**6), 10**6, PANEL_OUTPUTS).astype(np.int32)
    for count in range(10):  # with and without rows that are left over
        scales = numbers.normal(size=count).astype(np.float32)
        for least, low, high in ((0, -63, 63), (127, 63, 63), (127, -63, -63)):
            rows = numbers.integers(least, 127, (count, steps * FACTORS_PER_STEP), endpoint=True).astype(np.uint8)
            matrix = numbers.integers(low, high, (PANEL_OUTPUTS, steps * FACTORS_PER_STEP), endpoint=True).astype(
                np.int8
            )
            results = np.full((count, PANEL_OUTPUTS + 3), -1, np.float32)
            multiply(rows, scales, pack_panel(matrix, matrix_scales, offsets, biases), results)
            sums = (rows.astype(np.int64) @ matrix.T.astype(np.int64) - offsets).astype(np.float32)
            assert np.array_equal(results[:, :PANEL_OUTPUTS], sums * (scales[:, None] * matrix_scales) + biases)
            assert np.all(results[:, PANEL_OUTPUTS:] == -1)


@pytest.mark.parametrize(
    ("feature", "processor", "instruction"),
    [
        ("avx512vnni", "icelake-server", r"vpdpbusd %zmm"),
        ("avxvnni", "alderlake", r"vpdpbusd %ymm"),
        ("avx2", "haswell", r"vpmaddubsw %ymm"),
        ("", "x86-64", r"pmullw %xmm"),
    ],
)
def test_multiply_panel_uses_the_instructions_of_each_processor(feature, processor, instruction):
    way = next(way for way in INSTRUCTION_SETS if way.feature == feature)
    program = ir.Module()
    address = ir.IntType(64)
    kinds = [address] * len(DotArgs._fields)
    function = ir.Function(program, ir.FunctionType(ir.VoidType(), kinds), "multiply")
    builder = ir.IRBuilder(function.append_basic_block())
    emit_multiply_panel(way, builder, DotArgs(*function.args))
    builder.ret_void()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    if not binding.get_default_triple().startswith("x86_64"):
        pytest.skip("the assembler here is of another kind of processor")
    machine = binding.Target.from_default_triple().create_target_machine(cpu=processor, opt=3)
    parsed = binding.parse_assembly(str(program))
    parsed.verify()
    mnemonic, register = instruction.split()
    lines = machine.emit_assembly(parsed).splitlines()
    assert any(mnemonic in line and register in line for line in lines)
