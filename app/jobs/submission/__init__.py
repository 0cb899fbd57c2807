"""Submission of jobs: begin with `submission`, which turns a validated request into the job that is queued.

`references` has the files and models that a request can refer to; `model_jobs` and `measuring_jobs` prepare the kinds
of jobs, and the other modules check what lies in their files.
"""
