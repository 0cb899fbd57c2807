"""Compiling with Numba and LLVM: machine code of a function for Python, or for C.

Imported only where no file has the code already.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Signature, signature
from typing import Any

from llvmlite import binding, ir  # type: ignore[import-untyped]
from llvmlite.ir import IRBuilder, Value  # type: ignore[import-untyped]
from numba import njit, typeof, types
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from models.kernels.native.machine_code import MachineCode
from models.kernels.native.object_file import read_object
from models.kernels.native.python_entry import emit_python_entry, is_accepted

_ENTRY = "nextword_entry"
_ALLOCATOR = """
; Arrays that a function allocates: Numba's runtime without its own book-keeping. A record of 64 bytes comes first, with
; the count of references and, at byte 24, the address of the numbers.
declare ptr @malloc(i64)
declare void @free(ptr)
declare void @abort() noreturn
define ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %alignment) {
  %wide = zext i32 %alignment to i64
  %more = add i64 %wide, 64
  %total = add i64 %size, %more
  %block = call ptr @malloc(i64 %total)
  %lacks = icmp eq ptr %block, null
  br i1 %lacks, label %fail, label %ok
fail:
  call void @abort()
  unreachable
ok:
  %begin = ptrtoint ptr %block to i64
  %end = add i64 %begin, %more
  %over = urem i64 %end, %wide
  %data = sub i64 %end, %over
  store i64 1, ptr %block
  %place = getelementptr i8, ptr %block, i64 24
  store i64 %data, ptr %place
  ret ptr %block
}
define void @NRT_MemInfo_call_dtor(ptr %block) {
  call void @free(ptr %block)
  ret void
}
"""


def build_python_entry(dispatcher: Any, args: tuple[Any, ...]) -> MachineCode | None:
    """Compile a function for the types of `args`, to be called by Python; None if it cannot be."""
    kinds = tuple(map(typeof, args))
    dispatcher.compile(kinds)
    result = dispatcher.overloads[kinds]
    if not is_accepted(result.signature):
        return None
    return _make_code(result, lambda module: emit_python_entry(result, module, _ENTRY))


def build_c_entry(function: Callable[[int], None]) -> MachineCode | None:
    """Compile a function of an int64 without a result, to be called as a C function.

    It must not fail: a failure ends the process.
    """
    dispatcher = njit(error_model="numpy")(function)
    dispatcher.compile((types.int64,))
    result = dispatcher.overloads[types.int64,]
    return _make_code(result, lambda module: _emit_c_entry(result, module))


def make_intrinsic(declared: Callable[..., Any], emit: Callable[..., Value], result: str) -> Any:
    """Make Numba's intrinsic of int64 numbers, whose LLVM code `emit` appends."""
    parameters = list(signature(declared).parameters.values())
    kind = getattr(types, result)(*[types.int64] * len(parameters))

    def declare(*_: object) -> tuple[Any, Callable[..., Value]]:
        return kind, lambda context, builder, _, values: emit(context, builder, *values)

    # Numba counts the parameters after the first one, which is its typing context.
    context = parameters[0].replace(name="typing_context")
    declare.__signature__ = Signature([context, *parameters])  # type: ignore[attr-defined]
    return intrinsic(declare)


def _emit_c_entry(result: Any, module: ir.Module) -> None:
    """Emit a C function that calls a compiled one."""
    context: Any = result.target_context
    integer = ir.IntType(64)
    entry = ir.Function(module, ir.FunctionType(ir.VoidType(), [integer]), _ENTRY)
    builder = IRBuilder(entry.append_basic_block())
    function = context.declare_function(module, result.fndesc)
    status, _ = context.call_conv.call_function(builder, function, types.none, (types.int64,), entry.args)
    with builder.if_then(status.is_error, likely=False):
        builder.call(ir.Function(module, ir.FunctionType(ir.VoidType(), []), "abort"), [])
    builder.ret_void()


def _make_code(result: Any, emit: Callable[[ir.Module], None]) -> MachineCode | None:
    """Link a compiled function with what it calls and with an entry, which `emit` writes.

    The steps are those of `library.finalize` in Numba, but for the last: LLVM does not put the code into memory.
    """
    context = result.target_context
    library = context.codegen().create_library(f"{result.fndesc.qualname} entry")
    module = context.create_module(_ENTRY)
    emit(module)
    with global_compiler_lock:
        library.add_llvm_module(binding.parse_assembly(_ALLOCATOR))
        library.add_ir_module(module)
        library._final_module.link_in(result.library._get_module_for_linking(), preserve=True)
        for function in library._final_module.functions:
            if not function.is_declaration and function.name != _ENTRY:
                function.linkage = "internal"  # whatever is not called is left out
        library._optimize_final_module()
        return read_object(context.codegen()._tm.emit_object(library._final_module), _ENTRY)
