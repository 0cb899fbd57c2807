"""`nextword generate`: generate text with a model, shown token by token."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.dataclass_options import dataclass_options, given_options
from app.cli.shared_options import RawText, json_option, load_model, loading_options, model_argument, to_json
from app.core.process_tuning import without_gc
from app.schemas.base import logprob_fields
from app.schemas.generate import end_fields, generated_token_contents
from models.errors import InvalidInput
from models.inference.config import SamplingParams

if TYPE_CHECKING:
    from models.inference.sequence import GenerationSequence
    from models.tokenization.tokenizer import Tokenizer


@click.command()
@model_argument
@click.option("--prompt", type=RawText(), default="", help="What to continue. [default: nothing, a text begins]")
@dataclass_options(SamplingParams, skip=["logit_bias"])
@click.option(
    "--logit-bias",
    multiple=True,
    metavar="TOKEN=NATS",
    help="Nats added to log P of a token, told by its id or its text; -100: never. May be given several times.",
)
@click.option("-n", "n", type=click.IntRange(1), default=1, help="How many texts. [default: 1]")
@loading_options
@json_option
def command(
    model: str,
    prompt: str,
    n: int,
    logit_bias: tuple[str, ...],
    checkpoints: Path,
    precision: str,
    threads: int,
    as_json: bool,
    **values: Any,
) -> None:
    """Continue a prompt with MODEL, or begin a text; several texts are separated by a line of dashes."""
    values["seed"] = secrets.randbits(53) if values["seed"] is None else values["seed"]
    params, biases = SamplingParams(**given_options(SamplingParams, values)), dict(map(_parse_bias, logit_bias))
    if len(biases) < len(logit_bias):
        raise InvalidInput("logit_bias", "give each token one number")
    for field in ("top_logprobs", "sampling_probabilities"):
        if getattr(params, field) and not as_json:
            raise InvalidInput(field, "goes with --json: a text alone does not show them")
    with without_gc():
        from models.inference.generation import generate, make_sequences
        from models.inference.logit_bias import parse_logit_bias

    ref, checkpoint = load_model(model, checkpoints, threads, precision)
    params = replace(params, logit_bias=parse_logit_bias(checkpoint.tokenizer, biases))
    sequences = make_sequences(checkpoint.tokenizer, prompt, params, n)
    outputs = generate(checkpoint.predictor, sequences)
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


def _parse_bias(text: str) -> tuple[str, float]:
    """Parse `TOKEN=NATS`; the token may hold `=` itself. Raises InvalidInput."""
    token, _, nats = text.rpartition("=")
    try:
        return token, float(nats)
    except ValueError:
        raise InvalidInput("logit_bias", f"must be a token, `=` and a number, as in the=1.5; not {text}") from None


def _choice_content(tokenizer: Tokenizer, sequence: GenerationSequence) -> dict[str, Any]:
    names = tokenizer.names
    tokens = generated_token_contents(
        names, sequence.tokens, sequence.logprobs, sequence.alternatives, sequence.sampling_probabilities
    )
    return {
        "index": sequence.index,
        "text": sequence.text,
        "tokens": tokens,
        "finish_reason": sequence.finish_reason,
        **logprob_fields(sequence.logprob),
        **end_fields(names, sequence.end),
    }
