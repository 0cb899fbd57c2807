"""Replication: published models copied between machines, each file verified by its hash.

`source` says what a place with models offers, and `fetch` copies one from there: a service or an object store.
"""
