"""`nextword calibrate`: thresholds of the gibberish check, from harmless prompts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from app.cli.found_values import threshold_lines
from app.cli.shared_options import json_option, load_model, loading_options, model_argument, to_json
from app.cli.text_input import LineStream, encoding_option, open_text
from app.core.process_tuning import without_gc
from app.schemas.trades.heuristics import MAX_WINDOW
from models.evaluation.gibberish_scores import WINDOW_TOKENS
from models.utils.progress import run_to_completion


@click.command()
@model_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--rate",
    "rates",
    type=float,
    multiple=True,
    default=[0.01],
    help="Largest share of the prompts that a check may report; may be given several times. [default: 0.01]",
)
@click.option(
    "--window",
    type=click.IntRange(1, MAX_WINDOW),
    default=WINDOW_TOKENS,
    help=f"Tokens of a window. [default: {WINDOW_TOKENS}]",
)
@encoding_option
@loading_options
@json_option
def command(
    model: str, file: Path, rates: tuple[float, ...], window: int, encoding: str, as_json: bool, **loading: Any
) -> None:
    """Find thresholds of the gibberish check with MODEL, from harmless prompts, one a line of FILE.

    FILE is - for standard input. Prints for each rate the lowest thresholds at which a check reports at most that
    share of the prompts, for the fields of POST /m/MODEL/heuristics and of NeMo Guardrails, and the share that the
    checks report together: of Guardrails' two, and of all three. A dash: too few prompts have the figure, or it is
    infinite. Use prompts as they are asked, of their length and language; figures of other prompts differ. Fluent
    attacks pass the check.
    """
    with without_gc():
        from models.evaluation.gibberish_thresholds import calibrate

    ref, checkpoint = load_model(model, **loading)
    prompts = _read_prompts(file, encoding)
    work = calibrate(checkpoint.language_model, checkpoint.tokenizer, prompts, rates, window)
    rows = [asdict(thresholds) for thresholds in run_to_completion(work)]
    result = {"model": ref.id, "prompt_count": len(prompts), "window": window, "thresholds": rows}
    if as_json:
        click.echo(to_json(result))
        return
    for line in threshold_lines(result):
        click.echo(line)


def _read_prompts(file: Path, encoding: str) -> list[str]:
    """Return the lines of a file that are not blank. Raises InvalidText for the wrong encoding."""
    with open_text(file) as stream:
        lines = [line for batch in LineStream(stream, encoding).batches() for line in batch]
    return [line.text for line in lines if line.text.strip()]
