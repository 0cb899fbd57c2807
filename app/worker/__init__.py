"""Workers: processes that do jobs.

Begin with `worker` (the loop) and `job_attempt` (one job). The work runs in a child process (`child`), which
`launchers` start and `run_monitor` watches through the messages of `run_protocol`. `saved` has the directories of
attempts, in which their states lie, and `publication` publishes their models. A worker's own process stays small: it
loads neither torch nor FastAPI.
"""
