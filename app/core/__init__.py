"""Settings, exceptions, metrics, and limits and tuning of the process, for all of the service.

Begin with `settings`, which `create_app` and the command line build once and hand down, and `exceptions`, the tree of
errors that are raised on purpose; `plain_messages` says in plain words what is wrong with input. `process_tuning`
gathers the tricks played on garbage collection, threads and logging. Nothing here loads torch or a web framework.
"""
