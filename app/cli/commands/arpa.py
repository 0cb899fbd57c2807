"""`nextword import`: an n-gram model in ARPA text, from KenLM, SRILM or others, published as a checkpoint."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from app.cli.shared_options import as_json, checkpoints, published
from models.checkpoint import save as checkpoint
from models.checkpoint.card import FileFacts, Provenance
from models.ngram import arpa
from models.ngram.model import NgramConfig, NgramModel
from models.tokenization.tokenizer import Tokenizer, TokenizerConfig


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What to publish the model as.")
@click.option("--lowercase", is_flag=True, help="Texts are lower-cased before they are looked up.")
@click.option(
    "--tokenized/--untokenized", default=True, help="Whether blanks alone separate tokens. [default: they do]"
)
@click.option("--licence", default="unknown", help="Licence of the text it was trained on.")
@checkpoints
@as_json
@click.pass_obj
def command(
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
    with arpa.opened(file, "rt") as text:
        tables, vocabulary = arpa.read(text)
    tokenizer = Tokenizer(TokenizerConfig(lowercase=lowercase, pretokenized=tokenized), vocabulary)
    tables.facts["imported"] = file.name
    model = NgramModel(NgramConfig(tables.order, "backoff"), tables)
    corpus = {file.name: FileFacts.of(file)}
    provenance = Provenance(shlex.join(["nextword", *arguments]), licence, corpus)
    entry = checkpoint.save(checkpoints, name, model, tokenizer, provenance)
    published(entry, model.kind, {}, as_json)
