"""Child process, which does the work of a job: begin with `main` and `run_job`.

It knows neither database nor lease: it is told by a RunSpec what to do, and reports by messages (`run_protocol`).
"""
