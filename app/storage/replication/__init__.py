"""Replication: models, uploaded files and saved states carried between machines.

`source` says what a place with models offers, and `fetch` copies one from there, each file verified by its hash: from a
service, or from an `object_store`, which `replica` keeps like the folder of published models. `objects` reads and
writes such a store; machines without a folder in common find there the models that a job needs (`shared_models`),
uploaded files (`shared_files`) and saved states of jobs (`shared_states`).
"""
