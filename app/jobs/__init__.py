"""Jobs: long work that clients submit over HTTP and workers do.

Begin with `store`: a `Job` and its states in the queue. `submission` prepares a job from a request (with
`estimates`), `leases` lets one worker at a time claim it and write its outcome, `events` keeps its history and
metrics, and `event_stream` follows it live, by way of `job_watch`, which looks at the database for all followers at
once. The work itself is in `app.worker`.
"""
