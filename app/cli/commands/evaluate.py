"""`nextword evaluate`: the perplexity of a model on a text file of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, get_args

import click

from app.cli.dataclass_options import flags, given
from app.cli.progress_bar import Display, drive
from app.cli.shared_options import as_json, checkpoints, model, opened, precision, threads, to_json
from app.schemas import recipes
from models.composite.config import DynamicConfig, Rule
from models.composite.dynamic_evaluation import learning
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.evaluation.evaluator import Unit, evaluate
from models.evaluation.report import summary
from models.utils.progress import reported

_PIECE = 1 << 16
"""Bytes read at a time."""


@click.command()
@model
@click.argument("file", type=click.File("rb"))
@click.option(
    "--unit",
    type=click.Choice(get_args(Unit)),
    help="lines: each on its own; document: what was read is remembered. [default: lines; document for characters]",
)
@click.option(
    "--empty-lines",
    type=click.Choice(get_args(EmptyLines)),
    default="keep",
    help="Whether empty lines count. [default: keep]",
)
@click.option(
    "--dynamic",
    type=click.Choice(get_args(Rule)),
    help="Let a copy of a recurrent model learn from the text as it scores it, by this rule; document only.",
)
@flags(DynamicConfig, skip=["rule"], note="dynamic: ")
@checkpoints
@precision
@threads
@click.option("--quiet", is_flag=True, help="Show no progress.")
@as_json
def command(
    model: str,
    file: BinaryIO,
    unit: Unit | None,
    empty_lines: EmptyLines,
    checkpoints: Path,
    precision: str,
    threads: int,
    quiet: bool,
    as_json: bool,
    dynamic: Rule | None,
    **values: Any,
) -> None:
    """Measure how well MODEL predicts the text of FILE (- for standard input)."""
    entry, checkpoint = opened(checkpoints, model, threads, precision)
    tokenizer = checkpoint.tokenizer
    unit = unit or ("lines" if tokenizer.config.has_lines and dynamic is None else "document")
    scoring, how = checkpoint.model, given(DynamicConfig, values)
    if dynamic is not None:
        scoring = learning(checkpoint.model, recipes.config(DynamicConfig, {"rule": dynamic, **how}), unit)
    elif how:
        raise InvalidInput(next(iter(how)), "is for --dynamic only")
    steps = evaluate(scoring, tokenizer, iter(lambda: file.read(_PIECE), b""), unit, empty_lines)
    result = {"model": entry.id, "unit": unit} | summary(drive(reported(steps), Display(quiet)))
    if as_json:
        click.echo(to_json(result))
        return
    for name, value in result.items():
        click.echo(f"{name:<24}{_shown(value)}")


def _shown(value: object) -> str:
    if value is None:
        return "infinite"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
