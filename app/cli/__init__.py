"""The `nextword` command line.

Begin with `main`, which finds and runs a command of `commands`. `shared_options`, `dataclass_options` and
`progress_bar` are what commands have in common, `plain_errors` words what is wrong with their arguments; `http_client`
talks to a running service. Modules that load torch or Numba are imported when a command runs, so that `--help` and
commands that need no model answer within half a second.
"""
