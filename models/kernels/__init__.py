"""Compiled code that several models share, and the machinery to run it on several threads.

Begin with `jit`: the decorators that compile, and the instructions that Numba lacks; `native` keeps and loads machine
code. `openmp` runs compiled functions on a team of threads, and `workspace` lends them memory. `hashing` and `wrapping`
are arithmetic for loops. `softmax` and `sampling` turn a row of numbers into log-probabilities and a token; `best`
finds its largest.
"""
