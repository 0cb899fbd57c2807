"""`nextword next`: most probable next tokens after a context."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from app.cli.shared_options import RawText, json_option, load_model, loading_options, model_argument, to_json
from app.core.process_tuning import without_gc
from app.schemas.next import next_content
from models.inference.prediction.predictions import NextTokenQuery
from models.utils.progress import run_to_completion


@click.command()
@model_argument
@click.option("--context", type=RawText(), default="", help="What was read before. [default: the beginning of a line]")
@click.option("--prefix", type=RawText(), default="", help="What was typed of the next words: only what continues it.")
@click.option(
    "--heal/--no-heal",
    default=None,
    help="Take half a word or a blank at the end of the context for typed. [default: a blank before parts of words]",
)
@click.option("--ignore-case", is_flag=True, help="Ignore letter case in what was typed.")
@click.option("--top-k", type=click.IntRange(0), default=10, help="How many; 0 for all. [default: 10]")
@click.option("--special", is_flag=True, help="Show <unk> and </s> as well.")
@click.option(
    "--explain",
    is_flag=True,
    help="Show how the probabilities come about: a back-off path, gates at each token, or shares of members.",
)
@loading_options
@json_option
def command(
    model: str,
    context: str,
    prefix: str,
    heal: bool | None,
    ignore_case: bool,
    top_k: int,
    special: bool,
    explain: bool,
    as_json: bool,
    **loading: Any,
) -> None:
    """Show the most probable next tokens of MODEL, best first.

    Where something was typed, what continues it is shown whole.
    """
    with without_gc():
        from models.inference.prediction.next_token import next_tokens

    ref, checkpoint = load_model(model, **loading)
    tokenizer = checkpoint.tokenizer
    query = NextTokenQuery(top_k, prefix, special, explain=explain, heal=heal, ignore_case=ignore_case)
    (prediction,) = run_to_completion(next_tokens(checkpoint.predictor, tokenizer, [context], query))
    content = next_content(prediction, tokenizer.names)
    if as_json:
        click.echo(to_json({"model": ref.id} | content))
        return
    if prediction.undefined_context:
        click.echo("The context never occurs in the training text: c(h) is 0, and a shorter one answers.", err=True)
    for token in content["next"]:
        click.echo(f"{token['probability']:.6f}\t{token.get('text', token['token'])}")
    for line in outline(prediction.explanation or {}):
        click.echo(line)


def outline(value: dict[str, Any] | list[Any], indent: str = "") -> Iterator[str]:
    """Yield the lines of JSON-ready data: a field a line, those of a nested one indented below it."""
    for name, item in value.items() if isinstance(value, dict) else enumerate(value, 1):
        if not isinstance(item, (dict, list)):
            yield f"{indent}{name}: {item}"
        elif any(isinstance(part, (dict, list)) for part in (item.values() if isinstance(item, dict) else item)):
            yield f"{indent}{name}"
            yield from outline(item, indent + "  ")
        else:
            parts = [f"{key} {part}" for key, part in item.items()] if isinstance(item, dict) else map(str, item)
            yield f"{indent}{name}: {', '.join(parts)}"
