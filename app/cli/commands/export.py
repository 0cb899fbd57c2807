"""`nextword export`: a published n-gram model as ARPA text, which KenLM, SRILM and others read."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.shared_options import checkpoints, model, ngram
from models.ngram import arpa


@click.command()
@model
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@checkpoints
def command(model: str, file: Path, checkpoints: Path) -> None:
    """Write the n-gram MODEL to FILE as ARPA text, compressed where the name ends in .gz."""
    found, source = ngram(checkpoints, model)
    partial = file.with_name(f".{file.name}.partial{file.suffix}")
    try:
        with arpa.opened(partial, "wt") as text:
            arpa.write(source.tables, found.tokenizer.vocabulary, text)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
