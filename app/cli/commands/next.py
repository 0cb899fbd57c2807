"""`nextword next`: most probable next tokens after a context."""

from __future__ import annotations

from typing import Any

import click

from app.cli.shared_options import json_option, load_model, loading_options, model_argument, to_json
from app.core.process_tuning import without_gc
from app.schemas.next import context_content, next_token_contents
from models.inference.predictions import NextTokenQuery
from models.utils.progress import run_to_completion


@click.command()
@model_argument
@click.option("--context", default="", help="What was read before. [default: the beginning of a line]")
@click.option("--prefix", default="", help="Only tokens that begin with this.")
@click.option("--top-k", type=click.IntRange(0), default=10, help="How many; 0 for all. [default: 10]")
@click.option("--special", is_flag=True, help="Show <unk> and </s> as well.")
@loading_options
@json_option
def command(model: str, context: str, prefix: str, top_k: int, special: bool, as_json: bool, **loading: Any) -> None:
    """Show the most probable next tokens of MODEL, best first."""
    with without_gc():
        from models.inference.next_token import next_tokens

    ref, checkpoint = load_model(model, **loading)
    tokenizer, query = checkpoint.tokenizer, NextTokenQuery(top_k, prefix, special)
    (prediction,) = run_to_completion(next_tokens(checkpoint.language_model, tokenizer, [context], query))
    tokens = next_token_contents(prediction, tokenizer.vocabulary)
    if as_json:
        click.echo(to_json({"model": ref.id, "context": context_content(prediction.context), "next": tokens}))
        return
    for token in tokens:
        click.echo(f"{token['probability']:.6f}\t{token['token']}")
