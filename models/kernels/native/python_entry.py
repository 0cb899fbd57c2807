"""LLVM code by which Python calls a compiled function: it takes the arguments out of Python's objects.

The code compares the type of each argument with the one that the function was compiled for, reads the fields of
Python's and NumPy's structures in place, releases the GIL meanwhile and makes an object of the result. Arguments of
another type go to a fallback. Offsets are those of CPython 3.11 to 3.14 and NumPy 2 on 64-bit machines, which are part
of their binary interfaces. Numba's own entry does the same with functions of its runtime, which imports all of Numba;
calls take half as long without it (`benchmarks.speed.tricks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from llvmlite.ir import IRBuilder, Value  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import as_dtype

from models.kernels.native.machine_code import NUMPY_SYMBOL, record_symbol

_BYTE, _INT, _LONG = (ir.IntType(bits) for bits in (8, 32, 64))
_OBJECT = _BYTE.as_pointer()

_TYPE = 8
"""Where every object has its type."""
_TYPE_FLAGS, _TUPLE_FLAG = 168, 1 << 26
"""Where a type has its flags, and the one of tuples and of classes made from them."""
_TUPLE_SIZE, _TUPLE_ITEMS = 16, 24
_VALUE = 16
"""Where a float, or a scalar of NumPy, has its value."""
_DATA, _DIMENSIONS, _SHAPE, _STRIDES, _DTYPE, _FLAGS = 16, 24, 32, 40, 56, 64
"""Where an array has its fields."""
_BYTE_ORDER, _TYPE_NUMBER, _ITEM_SIZE = 26, 28, 40
"""Where a dtype has its fields."""
_C_ORDER, _ALIGNED, _WRITABLE = 0x1, 0x100, 0x400
"""Flags of arrays."""
_EQUAL = 2
"""Python's number for the comparison `==`."""


def is_accepted(signature: Any) -> bool:
    """Return whether code can be made for these arguments and this result."""
    arguments_fit = all(_fits(kind, takes_arrays=True) for kind in signature.args)
    return arguments_fit and _fits(signature.return_type, takes_arrays=False)


def _fits(kind: Any, takes_arrays: bool) -> bool:
    if isinstance(kind, types.BaseTuple):
        return all(_fits(item, takes_arrays) for item in kind)  # type: ignore[attr-defined]
    if isinstance(kind, types.Array):
        return takes_arrays and kind.layout == "C" and _holds_numbers(as_dtype(kind.dtype))
    return isinstance(kind, types.Integer | types.Float | types.Boolean) or kind == types.none


def _holds_numbers(dtype: np.dtype[Any]) -> bool:
    """Return whether items are numbers, or records whose fields are."""
    return dtype.fields is None or all(kind.kind in "biuf" for kind, *_ in dtype.fields.values())


def emit_python_entry(result: Any, module: ir.Module, name: str) -> None:
    """Emit `PyObject *name(PyObject *fallback, PyObject *const *args, Py_ssize_t count)`."""
    kind = ir.FunctionType(_OBJECT, [_OBJECT, _OBJECT.as_pointer(), _LONG])
    _Entry(result, ir.Function(module, kind, name)).emit()


class _Entry:
    """The code of one entry while it is emitted."""

    def __init__(self, result: Any, function: ir.Function) -> None:
        self._context: Any = result.target_context
        self._result, self._module = result, function.module
        self._fallback, self._args, self._count = function.args
        self._builder = IRBuilder(function.append_basic_block("entry"))
        self._otherwise = function.append_basic_block("otherwise")

    def emit(self) -> None:
        kinds, returned = self._result.signature.args, self._result.signature.return_type
        builder = self._builder
        self._require(builder.icmp_signed("==", self._count, _LONG(len(kinds))))
        places = [builder.gep(self._args, [_LONG(i)]) for i in range(len(kinds))]
        values = [self._unbox(kind, builder.load(place)) for kind, place in zip(kinds, places, strict=True)]
        state = self._call("PyEval_SaveThread", _OBJECT, [])
        compiled = self._context.declare_function(self._module, self._result.fndesc)
        call = self._context.call_conv.call_function
        status, value = call(builder, compiled, returned, kinds, values, attrs=("noinline",))
        self._call("PyEval_RestoreThread", ir.VoidType(), [state])
        with builder.if_then(status.is_error, likely=False):
            message = self._context.insert_const_string(self._module, f"{self._result.fndesc.qualname} failed")
            self._call(
                "PyErr_SetString",
                ir.VoidType(),
                [builder.load(self._global("PyExc_ArithmeticError", _OBJECT)), message],
            )
            builder.ret(_OBJECT(None))
        builder.ret(self._box(returned, value))
        builder.position_at_end(self._otherwise)
        builder.ret(
            self._call("PyObject_Vectorcall", _OBJECT, [self._fallback, self._args, self._count, _OBJECT(None)])
        )

    def _unbox(self, kind: types.Type, value: Value) -> Value:
        """Emit the conversion of an object; what follows is executed only if it has this type."""
        if isinstance(kind, types.Array):
            return self._unbox_array(kind, value)
        if isinstance(kind, types.BaseTuple):
            return self._unbox_tuple(kind, value)
        if kind == types.none:
            self._require(self._is_object(value, "_Py_NoneStruct"))
            return self._context.get_dummy_value()
        if kind == types.boolean:
            self._require_type(value, "PyBool_Type")
            return self._is_object(value, "_Py_TrueStruct")
        return self._unbox_number(kind, value)

    def _unbox_number(self, kind: Any, value: Value) -> Value:
        """Emit the value of a number: int64 and float64 are Python's own, others are scalars of NumPy."""
        if kind == types.int64:
            self._require_type(value, "PyLong_Type")
            overflow = cgutils.alloca_once(self._builder, _INT)  # type: ignore[no-untyped-call]
            number = self._call("PyLong_AsLongLongAndOverflow", _LONG, [value, overflow])
            self._require(self._builder.icmp_signed("==", self._builder.load(overflow), _INT(0)))
            return number
        if kind == types.float64:
            self._require_type(value, "PyFloat_Type")
        else:
            self._require_type(value, NUMPY_SYMBOL + as_dtype(kind).name)
        return self._field(value, _VALUE, self._context.get_value_type(kind))

    def _unbox_tuple(self, kind: Any, value: Value) -> Value:
        flags = self._field(self._field(value, _TYPE, _OBJECT), _TYPE_FLAGS, _LONG)
        self._require(self._builder.icmp_signed("!=", self._builder.and_(flags, _LONG(_TUPLE_FLAG)), _LONG(0)))
        self._require(self._builder.icmp_signed("==", self._field(value, _TUPLE_SIZE, _LONG), _LONG(len(kind))))
        items = [self._field(value, _TUPLE_ITEMS + 8 * i, _OBJECT) for i in range(len(kind))]
        values = [self._unbox(item_kind, item) for item_kind, item in zip(kind, items, strict=True)]
        return self._context.make_tuple(self._builder, kind, values)

    def _unbox_array(self, kind: Any, value: Value) -> Value:
        builder, dtype = self._builder, as_dtype(kind.dtype)
        self._require_type(value, NUMPY_SYMBOL + "ndarray")
        described = self._field(value, _DTYPE, _OBJECT)
        expected = _C_ORDER | _ALIGNED | (_WRITABLE if kind.mutable else 0)
        flags = builder.and_(self._field(value, _FLAGS, _INT), _INT(_C_ORDER | _ALIGNED | _WRITABLE))
        self._require(builder.icmp_signed("==", flags, _INT(expected)))
        self._require(builder.icmp_signed("==", self._field(value, _DIMENSIONS, _INT), _INT(kind.ndim)))
        self._require(builder.icmp_signed("==", self._field(described, _TYPE_NUMBER, _INT), _INT(dtype.num)))
        self._require(builder.icmp_signed("==", self._field(described, _ITEM_SIZE, _LONG), _LONG(dtype.itemsize)))
        self._require(builder.icmp_signed("!=", self._field(described, _BYTE_ORDER, _BYTE), _BYTE(ord(">"))))
        if dtype.fields is not None:
            self._require_equal(described, record_symbol(dtype))
        sizes, strides = (self._longs(self._field(value, place, _OBJECT), kind.ndim) for place in (_SHAPE, _STRIDES))
        array = self._context.make_array(kind)(self._context, builder)
        data = builder.bitcast(self._field(value, _DATA, _OBJECT), array.data.type)
        populate_array(array, data, sizes, strides, dtype.itemsize, None)  # type: ignore[no-untyped-call]
        return array._getvalue()

    def _longs(self, address: Value, count: int) -> list[Value]:
        return [self._field(address, 8 * i, _LONG) for i in range(count)]

    def _box(self, kind: Any, value: Value) -> Value:
        """Emit an object of the result."""
        builder = self._builder
        if isinstance(kind, types.BaseTuple):
            return self._box_tuple(kind, value)
        if kind == types.none:
            none = self._global("_Py_NoneStruct", _BYTE)
            self._call("Py_IncRef", ir.VoidType(), [none])
            return none
        if kind == types.boolean:
            return self._call("PyBool_FromLong", _OBJECT, [builder.zext(value, _LONG)])
        if isinstance(kind, types.Float):
            wide = self._context.cast(builder, value, kind, types.float64)
            return self._call("PyFloat_FromDouble", _OBJECT, [wide])
        wide = self._context.cast(builder, value, kind, types.int64 if kind.signed else types.uint64)
        return self._call(f"PyLong_From{'' if kind.signed else 'Unsigned'}LongLong", _OBJECT, [wide])

    def _box_tuple(self, kind: Any, value: Value) -> Value:
        made = self._call("PyTuple_New", _OBJECT, [_LONG(len(kind))])
        for i, item_kind in enumerate(kind):
            item = self._box(item_kind, self._builder.extract_value(value, i))
            self._call("PyTuple_SetItem", _INT, [made, _LONG(i), item])
        return made

    def _field(self, address: Value, offset: int, kind: ir.Type) -> Value:
        """Emit a load of what lies some bytes behind an address."""
        place = self._builder.gep(address, [_LONG(offset)])
        return self._builder.load(self._builder.bitcast(place, kind.as_pointer()))

    def _require_type(self, value: Value, name: str) -> None:
        address = self._field(value, _TYPE, _OBJECT)
        self._require(self._builder.icmp_unsigned("==", address, self._global(name, _BYTE)))

    def _require_equal(self, value: Value, name: str) -> None:
        """Emit Python's comparison with another object, which takes some nanoseconds where it is the same."""
        expected = self._global(name, _BYTE)
        is_equal = self._call("PyObject_RichCompareBool", _INT, [value, expected, _INT(_EQUAL)])
        self._require(self._builder.icmp_signed("==", is_equal, _INT(1)))

    def _is_object(self, value: Value, name: str) -> Value:
        return self._builder.icmp_unsigned("==", value, self._global(name, _BYTE))

    def _require(self, condition: Value) -> None:
        """Emit a branch to the fallback unless the condition holds."""
        following = self._builder.append_basic_block()
        self._builder.cbranch(condition, following, self._otherwise)
        self._builder.position_at_end(following)

    def _global(self, name: str, kind: ir.Type) -> Value:
        """Return the address of a variable of Python's C API, or of an object of NumPy."""
        found = self._module.globals.get(name)
        return found if found is not None else ir.GlobalVariable(self._module, kind, name)

    def _call(self, name: str, result: ir.Type, args: Sequence[Value]) -> Value:
        kind = ir.FunctionType(result, [arg.type for arg in args])
        function = cgutils.get_or_insert_function(self._module, kind, name)  # type: ignore[no-untyped-call]
        return self._builder.call(function, args)
