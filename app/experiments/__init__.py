"""Experiments on what every course on language models claims, run on a text of the user's own.

Every experiment is a module with a function `run` that takes an `ExperimentInput` and yields progress until it returns
a `Finding`: a claim, whether it held, rows of figures and curves. Begin with `finding`, then `training_run`, the short
training that all of them use. `nextword compare` runs them.
"""
