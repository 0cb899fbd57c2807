"""Launchers: starters of the processes that do jobs' work.

`warm_launcher` forks them from a process that has loaded everything, the `fork_server`; `subprocess_launcher` starts
each anew. Both speak with the child over two pipes, as `child_run` does. `ray_launcher` has a cluster do the work.
"""
