"""`nextword fill`: the most probable words in the blanks of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from app.cli.commands.tasks.texts import read_texts, text_arguments
from app.cli.shared_options import json_option, load_model, loading_options, model_argument, to_json
from app.core.process_tuning import without_gc
from app.schemas.tasks.fill import fill_content
from models.tasks.fill_in.query import FillQuery
from models.utils.progress import run_to_completion


@click.command()
@model_argument
@text_arguments
@click.option("--candidate", "candidates", multiple=True, help="A word to choose; may be repeated. [default: all]")
@click.option("--top-k", type=click.IntRange(0), default=10, help="How many; 0 for all. [default: 10]")
@click.option(
    "--shortlist",
    type=click.IntRange(0),
    default=FillQuery.shortlist,
    help="Words that a recurrent language model scores with both sides; 0 for all. [default: 200]",
)
@click.option(
    "--beam",
    type=click.IntRange(1),
    default=FillQuery.beam,
    help="Fillings that are kept from one blank to the next. [default: 32]",
)
@loading_options
@json_option
def command(
    model: str,
    texts: Sequence[str],
    file: Path | None,
    encoding: str,
    candidates: tuple[str, ...],
    top_k: int,
    shortlist: int,
    beam: int,
    as_json: bool,
    **loading: Any,
) -> None:
    """Fill in the blanks of each TEXT, or of each line that is read: a ___ stands for a word.

    Prints the most probable fillings, best first: a line each with its probability and the filled text, and an empty
    line after each text.
    """
    with without_gc():
        from models.tasks.fill_in.predict import fill

    query = FillQuery(top_k, candidates, shortlist, beam)
    ref, checkpoint = load_model(model, **loading)
    if "fill" not in checkpoint.model.capabilities:
        raise checkpoint.unsupported_error("fill")
    for batch in read_texts(texts, file, encoding):
        for result in run_to_completion(fill(checkpoint.model, checkpoint.tokenizer, batch, query)):
            if as_json:
                click.echo(to_json({"model": ref.id, "text": result.text} | fill_content(result)))
                continue
            lines = (f"{filling.probability:.6f}\t{result.with_filling(filling)}\n" for filling in result.fillings)
            click.echo("".join(lines))
