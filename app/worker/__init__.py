"""Workers: processes that do jobs.

Begin with `worker` (the loop) and `job_attempt` (one job). The work runs in a child process: `launchers` start
`child_main`, which calls `run_job`, and `run_monitor` watches it through the messages of `run_protocol`. `saved`
has the directories of attempts, in which their states lie. A worker's own process stays small: it loads neither torch
nor FastAPI.
"""
