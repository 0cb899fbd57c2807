"""The engine: models in memory, the threads that compute them, and how much work is taken on.

Begin with `engine`, the event loop's side: it reserves room in a queue (`capacity`) and sends requests to a
`scheduler`, the computing thread, which alternates decode steps (`decoder`) with chunks of long work (`chunked_task`).
What goes in and out is data: `generation_request`, and results by way of `outbox`. `text_batcher` joins short texts of
many requests, and `isolation` finds the bad ones among many. `registry` knows the models; `warm_up` tries each
before it serves.
"""
