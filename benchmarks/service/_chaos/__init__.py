"""Chaos: a service under load while processes, database, disk, clock and checkpoints fail.

`ledger` counts, `cluster` runs and breaks the processes, `answering` tells them apart, `faults` chooses what breaks,
`caller` judges single answers, `questions`, `jobs`, `models`, `files` and `hostile` are the load, `observer` watches,
`checks` looks at what is left.
"""
