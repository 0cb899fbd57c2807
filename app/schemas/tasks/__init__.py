"""Requests and answers of tasks on whole texts, and the requests of jobs that make their models.

Jobs begin in `job_kinds`; the other modules are named as their routes.
"""
