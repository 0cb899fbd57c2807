"""`nextword compile`: compile all Numba loops now, so that no first request waits for them.

A loop is compiled when it is first called, and its machine code kept beside the source, or in NUMBA_CACHE_DIR
(`models.kernels.native.code_cache`).
"""

from __future__ import annotations

import click

from app.core.process_tuning import without_gc


@click.command()
def command() -> None:
    """Compile the loops that models and tokenizers run in, once, into the cache."""
    with without_gc():
        from app.cli.loop_cache import fill_loop_cache

    fill_loop_cache()
