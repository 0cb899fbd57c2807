"""`nextword convert`: publish an n-gram model again in fewer bits, without its text or counts."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click

from app.cli.shared_options import checkpoints_option, json_option, load_ngram, model_argument, print_published
from app.core.process_tuning import without_gc


@click.command()
@model_argument
@click.option("--bits", type=int, required=True, help="Bits of a stored log-probability, 4 to 16.")
@click.option("--name", required=True, help="What to publish the result as.")
@checkpoints_option
@json_option
@click.pass_obj
def command(arguments: list[str], /, model: str, bits: int, name: str, checkpoints: Path, as_json: bool) -> None:
    """Publish the n-gram MODEL with its log-probabilities rounded to --bits bits.

    Back-off weights are worked out anew, so that distributions still sum to one. The perplexities in MODEL's card are
    not those of the result, and do not go into its own.
    """
    with without_gc():
        from models.checkpoint.save import save
        from models.ngram.model import NgramModel
        from models.ngram.quantization import quantize

    checkpoint, ngram = load_ngram(checkpoints, model)
    quantized = NgramModel(replace(ngram.ngram_config, bits=bits), quantize(ngram.table, bits))
    provenance = replace(checkpoint.card.provenance, command=shlex.join(["nextword", *arguments]), metrics={})
    ref = save(checkpoints, name, quantized, checkpoint.tokenizer, provenance)
    print_published(ref, quantized.kind, {}, as_json)
