"""`nextword next`: what a model expects after a context."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
import numpy as np

from app.cli.shared_options import (
    checkpoints_option,
    json_option,
    load_model,
    model_argument,
    precision_option,
    threads_option,
    to_json,
)
from app.schemas.base import logprob_fields
from models.checkpoint.load import Checkpoint
from models.special_tokens import EOS


@click.command()
@model_argument
@click.option("--context", default="", help="What was read before. [default: the beginning of a line]")
@click.option("--prefix", default="", help="Only tokens that begin with this.")
@click.option("--top-k", type=click.IntRange(0), default=10, help="How many; 0 for all. [default: 10]")
@click.option("--special", is_flag=True, help="Show <unk> and </s> as well.")
@checkpoints_option
@precision_option
@threads_option
@json_option
def command(
    model: str,
    context: str,
    prefix: str,
    top_k: int,
    special: bool,
    checkpoints: Path,
    precision: str,
    threads: int,
    as_json: bool,
) -> None:
    """Show the most probable next tokens of MODEL, best first."""
    entry, checkpoint = load_model(checkpoints, model, threads, precision)
    found = candidates(checkpoint, context, prefix, special)[: top_k or None]
    if as_json:
        click.echo(to_json({"model": entry.id, "context": _echo(checkpoint, context), "next": found}))
        return
    for token in found:
        click.echo(f"{token['probability']:.6f}\t{token['token']}")


def candidates(checkpoint: Checkpoint, context: str, prefix: str, special: bool) -> list[dict[str, Any]]:
    """Every token that qualifies, the most probable first, ties by id."""
    tokenizer = checkpoint.tokenizer
    model, context_ids = checkpoint.model, tokenizer.encode(context).ids.astype(np.int64)
    row = model.logprobs(model.advance(model.begin_state(1), context_ids[None]))[0]
    ids = (
        tokenizer.ids_with_prefix(prefix) if prefix else np.arange(0 if special else EOS + 1, tokenizer.vocabulary_size)
    )
    ranked = ids[np.argsort(-row[ids], kind="stable")]
    return [
        {
            "token": tokenizer.vocabulary[i],
            "id": int(i),
            "probability": math.exp(row[i]),
            **logprob_fields(float(row[i])),
        }
        for i in ranked
    ]


def _echo(checkpoint: Checkpoint, context: str) -> list[dict[str, Any]]:
    """The context as it was understood."""
    tokenizer = checkpoint.tokenizer
    encoding = tokenizer.encode(context)
    read = zip(tokenizer.surface_forms(context), encoding.ids.tolist(), encoding.oov.tolist(), strict=True)
    return [{"token": token, "id": i, "oov": oov} for token, i, oov in read]
