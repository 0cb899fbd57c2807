"""Server processes: uvicorn around the application, in one or several processes on one socket.

Begin with `server`, one process, which `guardian` replaces when a fault ends it. `worker_processes` runs several on one
port, `supervisor` restarts a child process that dies. `guarded_protocol` is uvicorn's protocol of a connection with
bounds, `open_connections` counts those, and `early_reject` refuses work without room where HTTP is parsed, and
`known_heads` before that, if the settings and uvicorn allow it.
"""
