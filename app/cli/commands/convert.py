"""`nextword convert`: a published n-gram model in fewer bits, without its text or counts."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click

from app.cli.shared_options import checkpoints_option, json_option, load_ngram, model_argument, print_published
from models.checkpoint import save as checkpoint
from models.ngram.model import NgramModel
from models.ngram.quantization import quantize


@click.command()
@model_argument
@click.option("--bits", type=int, required=True, help="Bits of a stored log-probability, 4 to 16.")
@click.option("--name", required=True, help="What to publish the result as.")
@checkpoints_option
@json_option
@click.pass_obj
def command(arguments: list[str], /, model: str, bits: int, name: str, checkpoints: Path, as_json: bool) -> None:
    """Publish the n-gram MODEL with its log-probabilities rounded to so many bits.

    Back-off weights are worked out anew, so that distributions still sum to one. The perplexities in MODEL's card are
    not those of the result, and do not go into its own.
    """
    found, source = load_ngram(checkpoints, model)
    config = replace(source.ngram_config, bits=bits)
    result = NgramModel(config, quantize(source.table, bits))
    provenance = replace(found.card.provenance, command=shlex.join(["nextword", *arguments]), metrics={})
    entry = checkpoint.save(checkpoints, name, result, found.tokenizer, provenance)
    print_published(entry, result.kind, {}, as_json)
