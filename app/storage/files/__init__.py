"""Uploaded files: `file_store` knows them by name, `file_bytes` keeps their bytes by hash, `upload` receives them.

`file_uses` says which jobs need a file. `sample_file` is the one that every service has.
"""
