"""`nextword generate`: generate text with a model, shown token by token."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.dataclass_options import dataclass_options, given_options
from app.cli.shared_options import json_option, load_model, loading_options, model_argument, to_json
from app.core.process_tuning import without_gc
from app.schemas.base import logprob_fields
from models.inference.config import SamplingParams

if TYPE_CHECKING:
    from models.inference.generation import GenerationSequence
    from models.tokenization.tokenizer import Tokenizer


@click.command()
@model_argument
@click.option("--prompt", default="", help="What to continue. [default: nothing, a text begins]")
@dataclass_options(SamplingParams)
@click.option("-n", "n", type=click.IntRange(1), default=1, help="How many texts. [default: 1]")
@loading_options
@json_option
def command(
    model: str, prompt: str, n: int, checkpoints: Path, precision: str, threads: int, as_json: bool, **values: Any
) -> None:
    """Continue a prompt with MODEL, or begin a text; several texts are separated by a line of dashes."""
    values["seed"] = secrets.randbits(53) if values["seed"] is None else values["seed"]
    params = SamplingParams(**given_options(SamplingParams, values))
    with without_gc():
        from models.inference.generation import generate, make_sequences

    ref, checkpoint = load_model(model, checkpoints, threads, precision)
    sequences = make_sequences(checkpoint.tokenizer, prompt, params, n)
    outputs = generate(checkpoint.language_model, sequences)
    if n == 1 and not as_json:
        click.echo(prompt, nl=False)
        for output in outputs:
            click.echo(output.text, nl=False)
        click.echo()
        return
    for _ in outputs:
        pass
    if as_json:
        choices = [_choice_content(checkpoint.tokenizer, sequence) for sequence in sequences]
        click.echo(to_json({"model": ref.id, "seed": params.seed, "choices": choices}))
    else:
        click.echo("\n----\n".join(prompt + sequence.text for sequence in sequences))


def _choice_content(tokenizer: Tokenizer, sequence: GenerationSequence) -> dict[str, Any]:
    tokens = zip(sequence.tokens, sequence.logprobs, strict=True)
    return {
        "index": sequence.index,
        "text": sequence.text,
        "tokens": [{"token": tokenizer.vocabulary[i], "id": i, "logprob": logprob} for i, logprob in tokens],
        "finish_reason": sequence.finish_reason,
        **logprob_fields(sequence.logprob),
    }
