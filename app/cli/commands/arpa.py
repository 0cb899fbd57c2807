"""`nextword import` and `nextword export`: n-gram models from and to ARPA text."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from app.cli.shared_options import checkpoints_option, json_option, load_ngram, model_argument, print_published
from app.core.process_tuning import without_gc
from models.checkpoint.card import FileDigest, Provenance
from models.ngram.config import NgramConfig
from models.tokenization.config import TokenizerConfig


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What to publish the model as.")
@click.option("--lowercase", is_flag=True, help="Texts are lower-cased before they are looked up.")
@click.option("--tokenized/--untokenized", default=True, help="Whether only blanks separate tokens. [default: they do]")
@click.option("--licence", default="unknown", help="Licence of the text it was trained on.")
@checkpoints_option
@json_option
@click.pass_obj
def import_command(
    arguments: list[str],
    /,
    file: Path,
    name: str,
    lowercase: bool,
    tokenized: bool,
    licence: str,
    checkpoints: Path,
    as_json: bool,
) -> None:
    """Publish the n-gram model in FILE, ARPA text that may be compressed (.gz).

    Its words become the vocabulary. What smoothing made it is not known; the card calls it back-off, which it is.
    """
    with without_gc():
        from models.checkpoint.save import save
        from models.ngram.arpa import open_arpa, read_arpa
        from models.ngram.model import NgramModel
        from models.tokenization.tokenizer import Tokenizer

    with open_arpa(file, "rt") as text:
        table, vocabulary = read_arpa(text)
    tokenizer = Tokenizer(TokenizerConfig(lowercase=lowercase, pretokenized=tokenized), vocabulary)
    table.details["imported"] = file.name
    model = NgramModel(NgramConfig(table.order, "backoff"), table)
    corpus = {file.name: FileDigest.of(file)}
    provenance = Provenance(shlex.join(["nextword", *arguments]), licence, corpus)
    ref = save(checkpoints, name, model, tokenizer, provenance)
    print_published(ref, model.kind, {}, as_json)


@click.command()
@model_argument
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@checkpoints_option
def export_command(model: str, file: Path, checkpoints: Path) -> None:
    """Write the n-gram MODEL to FILE as ARPA text, compressed where the name ends in .gz."""
    with without_gc():
        from models.ngram.arpa import open_arpa, write_arpa
        from models.utils.files import write_atomically

    checkpoint, ngram = load_ngram(checkpoints, model)
    with write_atomically(file) as temporary, open_arpa(temporary, "wt") as text:
        write_arpa(ngram.table, checkpoint.tokenizer.vocabulary, text)
