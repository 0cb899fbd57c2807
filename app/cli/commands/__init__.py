"""Commands of `nextword`, one module each; a module is imported when its command is called.

Options and light imports stand at the top of a module, imports that load torch or Numba in the function that runs.
"""
