"""`nextword compare`: experiments on families of models and ways to train them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from app.cli.progress_bar import ProgressBar, drive
from app.cli.shared_options import FOLDER, json_option, quiet_option, threads_option, to_json
from app.core.process_tuning import import_without_gc, without_gc
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig, TokenKind

if TYPE_CHECKING:
    from app.experiments.finding import ExperimentInput, Finding

EXPERIMENTS = {
    "families": "families",
    "vanishing": "vanishing_gradients",
    "clipping": "gradient_clipping",
    "initialisations": "initialization",
    "regularisation": "regularization",
    "gates": "gate_activations",
}
"""Modules of the experiments; each has a function `run`."""


@click.command()
@click.argument("text", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--only", multiple=True, type=click.Choice(tuple(EXPERIMENTS)), help="May be repeated. [default: all]")
@click.option("--validation-fraction", type=click.FloatRange(0, 1, True, True), default=0.1, show_default=True)
@click.option(
    "--token", type=click.Choice(get_args(TokenKind)), default="character", show_default=True, help="What is predicted."
)
@click.option("--max-size", type=click.IntRange(2), default=10_000, show_default=True, help="Of the vocabulary.")
@click.option("--size", type=click.IntRange(1), default=128, show_default=True, help="Of vectors.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=40.0, show_default=True, help="A family.")
@click.option("--steps", type=click.IntRange(1), default=1000, show_default=True, help="Of each other training.")
@click.option("--output", type=FOLDER, default=Path("comparison"), show_default=True)
@click.option("--plots/--no-plots", "drawn", default=True, help="Draw each finding as PNG. [default: plots]")
@threads_option
@quiet_option
@json_option
def command(
    text: Path,
    only: tuple[str, ...],
    validation_fraction: float,
    token: TokenKind,
    max_size: int,
    output: Path,
    drawn: bool,
    threads: int,
    quiet: bool,
    as_json: bool,
    **limits: Any,
) -> None:
    """Compare families of models and ways to train them on TEXT; write a JSON file and a plot per finding.

    Characters show in minutes what words show in hours: their softmax costs next to nothing, and most of a network is
    what is compared.
    """
    with without_gc():
        from app.experiments.finding import check_matplotlib, draw

    set_thread_count(threads)
    if drawn:
        check_matplotlib()
    setting = read_setting(text, validation_fraction, TokenizerConfig(token, max_size=max_size), **limits)
    output.mkdir(parents=True, exist_ok=True)
    for name in only or EXPERIMENTS:
        experiment = import_without_gc(f"app.experiments.{EXPERIMENTS[name]}")
        finding: Finding = drive(experiment.run(setting), ProgressBar(quiet))
        (output / f"{name}.json").write_text(to_json(finding.as_json()) + "\n", encoding="utf-8")
        if drawn:
            draw(finding, output / f"{name}.png")
        click.echo(to_json(finding.as_json()) if as_json else format_table(finding))


def read_setting(text: Path, validation_fraction: float, config: TokenizerConfig, **limits: Any) -> ExperimentInput:
    """Read the text, hold out its end and tokenize both. Raises InvalidInput and InvalidText."""
    with without_gc():
        from app.experiments.finding import ExperimentInput
        from models.data.corpus import Corpus
        from models.tokenization.tokenizer import Tokenizer

    train, valid = Corpus.open(text, kind=config.kind).split(validation_fraction)
    tokenizer = Tokenizer.train(config, train.chunks())
    return ExperimentInput(train.encode(tokenizer).ids, valid.encode(tokenizer).ids, tokenizer.vocabulary, **limits)


def format_table(finding: Finding) -> str:
    """Format the rows of a finding as a table, under its claim and whether it held."""
    names = list(finding.rows[0])
    cells = [names, *([_format_cell(row[name]) for name in names] for row in finding.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return "\n".join([f"{finding.name}: {finding.heading}", *lines, ""])


def _format_cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
