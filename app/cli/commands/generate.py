"""`nextword generate`: text from a model, shown as it comes."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import click

from app.cli.dataclass_options import flags, given
from app.cli.shared_options import as_json, checkpoints, model, opened, precision, threads, to_json
from app.schemas.base import logprob_fields
from models.inference.config import SamplingParams
from models.inference.generation import Sequence, generate, samples
from models.tokenization.tokenizer import Tokenizer


@click.command()
@model
@click.option("--prompt", default="", help="What to continue. [default: nothing, a text begins]")
@flags(SamplingParams)
@click.option("-n", "n", type=click.IntRange(1), default=1, help="How many texts. [default: 1]")
@checkpoints
@precision
@threads
@as_json
def command(
    model: str, prompt: str, n: int, checkpoints: Path, precision: str, threads: int, as_json: bool, **values: Any
) -> None:
    """Continue a prompt with MODEL, or begin a text; several texts are separated by a line of dashes."""
    values["seed"] = secrets.randbits(53) if values["seed"] is None else values["seed"]
    params = SamplingParams(**given(SamplingParams, values))
    entry, checkpoint = opened(checkpoints, model, threads, precision)
    sequences = samples(checkpoint.tokenizer, prompt, params, n)
    events = generate(checkpoint.model, sequences)
    if n == 1 and not as_json:
        click.echo(prompt, nl=False)
        for event in events:
            click.echo(event.text, nl=False)
        click.echo()
        return
    for _ in events:
        pass
    if as_json:
        choices = [_choice(checkpoint.tokenizer, sequence) for sequence in sequences]
        click.echo(to_json({"model": entry.id, "seed": params.seed, "choices": choices}))
    else:
        click.echo("\n----\n".join(prompt + sequence.text for sequence in sequences))


def _choice(tokenizer: Tokenizer, sequence: Sequence) -> dict[str, Any]:
    chosen = zip(sequence.tokens, sequence.logprobs, strict=True)
    return {
        "index": sequence.index,
        "text": sequence.text,
        "tokens": [{"token": tokenizer.vocabulary[i], "id": i, "logprob": logprob} for i, logprob in chosen],
        "finish_reason": sequence.finish_reason,
        **logprob_fields(sequence.logprob),
    }
