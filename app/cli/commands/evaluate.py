"""`nextword evaluate`: perplexity of a model on a text file of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, get_args

import click

from app.cli.dataclass_options import dataclass_options, given_options
from app.cli.progress_bar import ProgressBar, drive
from app.cli.shared_options import json_option, load_model, loading_options, model_argument, quiet_option, to_json
from app.core.process_tuning import without_gc
from app.schemas.recipes import parse_config
from models.composite.config import DynamicConfig, UpdateRule
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.evaluation.metrics import Unit
from models.utils.progress import with_progress

_READ_BYTES = 1 << 16


@click.command()
@model_argument
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
    type=click.Choice(get_args(UpdateRule)),
    help="Let a copy of a recurrent model learn from the text as it scores it, by this rule; document only.",
)
@dataclass_options(DynamicConfig, skip=["rule"], note="dynamic: ")
@loading_options
@quiet_option
@json_option
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
    dynamic: UpdateRule | None,
    **values: Any,
) -> None:
    """Measure how well MODEL predicts the text of FILE (- for standard input)."""
    with without_gc():
        from models.composite.dynamic_evaluation import make_dynamic
        from models.evaluation.evaluator import evaluate
        from models.evaluation.metrics import evaluation_figures

    ref, checkpoint = load_model(model, checkpoints, threads, precision)
    tokenizer = checkpoint.tokenizer
    unit = unit or ("lines" if tokenizer.config.has_lines and dynamic is None else "document")
    scorer, options = checkpoint.language_model, given_options(DynamicConfig, values)
    if dynamic is not None:
        scorer = make_dynamic(scorer, parse_config(DynamicConfig, {"rule": dynamic, **options}), unit)
    elif options:
        raise InvalidInput(next(iter(options)), "is for --dynamic only")
    chunks = iter(lambda: file.read(_READ_BYTES), b"")
    evaluation = drive(with_progress(evaluate(scorer, tokenizer, chunks, unit, empty_lines)), ProgressBar(quiet))
    result = {"model": ref.id, "unit": unit} | evaluation_figures(evaluation)
    if as_json:
        click.echo(to_json(result))
        return
    for name, value in result.items():
        click.echo(f"{name:<24}{_format_value(value)}")


def _format_value(value: object) -> str:
    if value is None:
        return "infinite"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
