"""Routes of the HTTP API, one module per resource; no route imports another.

Begin with `next`, the shortest: a route takes a `ModelRequest` (`dependencies`) and a body (`app.schemas`), runs work
on the engine, and answers with a dictionary. `fast_path` serves the short routes without the framework's overhead.
"""
