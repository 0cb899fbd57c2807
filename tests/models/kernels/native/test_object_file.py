"""Object files: what LLVM writes, read as machine code, and what cannot be loaded."""

import ctypes

import pytest
from llvmlite import binding

from models.kernels.native.machine_code import load
from models.kernels.native.object_file import read_object

binding.initialize_native_target()
binding.initialize_native_asmprinter()
CONSTANTS = """
@table = internal constant [3 x i64] [i64 5, i64 7, i64 9], align 64
declare double @sqrt(double)
declare i64 @labs(i64)
define i64 @second(i64 %i) {
  %place = getelementptr [3 x i64], ptr @table, i64 0, i64 %i
  %value = load i64, ptr %place
  %negative = sub i64 0, %value
  %result = call i64 @labs(i64 %negative)
  ret i64 %result
}
"""
VARIABLE = """
@count = internal global i64 5
define i64 @second(i64 %i) {
  store i64 %i, ptr @count
  ret i64 %i
}
"""


def emit(code: str, model: str = "jitdefault") -> bytes:
    machine = binding.Target.from_default_triple().create_target_machine(opt=0, codemodel=model, reloc="static")
    return machine.emit_object(binding.parse_assembly(code))


def test_read_object_finds_constants_and_functions_of_others():
    code = read_object(emit(CONSTANTS), "second")
    assert code is not None
    assert {relocation.symbol for relocation in code.relocations} == {"", "labs"}
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(load(code))
    assert [function(i) for i in range(3)] == [5, 7, 9]


def test_read_object_is_none_for_variables():
    assert read_object(emit(VARIABLE), "second") is None


def test_read_object_is_none_for_other_relocations():
    assert read_object(emit(CONSTANTS, "small"), "second") is None


def test_load_names_a_symbol_that_is_missing():
    code = read_object(emit(CONSTANTS.replace("@labs", "@no_such_function")), "second")
    assert code is not None
    with pytest.raises(ValueError, match="no_such_function"):
        load(code)
