"""Submission of jobs: a validated request becomes the job that is queued; begin with `submission`.

`references` has the files and models that a request can refer to; `model_jobs` and `measuring_jobs` prepare the kinds
of jobs, and the other modules check what lies in their files.
"""
