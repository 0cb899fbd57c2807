"""Benchmarks of the service: rates and latencies of HTTP clients, the server in its own process.

Begin with `requests` (n-gram routes beside an empty FastAPI route) and `litserve` (generation beside LitServe).
`_servers` starts servers; `_load` and `_offer` are the clients, one keeping a number of requests under way, the other
a rate.
"""
