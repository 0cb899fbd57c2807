"""The log: one line a record, as text or JSON, of the server, the worker and its children.

Begin with `setup`, which a process calls once. `formats` writes the lines, and `request_line` is the line of a request.
"""
