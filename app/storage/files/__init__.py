"""Uploaded files: begin with `file_store`.

An `upload` receives a file, and `file_bytes` keeps its bytes by their hash, which several may have. `file_uses` says
which jobs need a file. `sample_file` is the one that every service has.
"""
