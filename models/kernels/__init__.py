"""Compiled code that several models share, and the machinery to run it on several threads.

Begin with `jit`: the decorators that compile, with Numba, and the LLVM instructions that Numba lacks. `openmp` runs
compiled functions on a team of threads, `gil` keeps the event loop from delaying them, and `workspace` lends them
memory. `softmax` and `sampling` turn a row of numbers into log-probabilities and a token; `best` finds its largest.
"""
