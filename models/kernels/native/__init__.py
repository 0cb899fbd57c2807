"""Machine code of compiled functions: made by Numba and LLVM once, and called without them.

Begin with `machine_code`, what a file holds and how it comes into memory, and `code_cache`, the files, whose names have
the `fingerprint` of a function. The others are imported only where a function has to be compiled: `build` has Numba do
it, `python_entry` makes the code by which Python calls it, `object_file` reads what LLVM has written, and
`instructions` has LLVM's code of what Numba lacks.
"""
