"""Benchmarks of the service: rates and latencies that HTTP clients see, the server being a process of its own.

Begin with `requests` (n-gram routes beside an empty FastAPI route) and `litserve` (generation beside LitServe).
`_servers` starts servers; `_load` and `_offer` are the clients, one keeping a number of requests under way, the other
a rate.
"""
