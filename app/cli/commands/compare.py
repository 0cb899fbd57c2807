"""`nextword compare`: experiments on families of models and ways to train them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from app.cli.progress_bar import ProgressBar, drive
from app.cli.shared_options import (
    FOLDER,
    TOKEN_KINDS,
    checkpoints_option,
    find_checkpoint,
    json_option,
    quiet_option,
    threads_option,
    to_json,
)
from app.core.process_tuning import import_without_gc, without_gc
from app.core.settings import load_settings
from app.storage.findings import FINDINGS_FOLDER, record
from models.errors import InvalidInput
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig, TokenKind

if TYPE_CHECKING:
    from app.experiments.finding import ExperimentInput, Finding, PublishedModel

EXPERIMENTS = {
    "families": "families",
    "vanishing": "vanishing_gradients",
    "clipping": "gradient_clipping",
    "initialisations": "initialization",
    "depth": "signal_propagation",
    "regularisation": "regularization",
    "gates": "gate_activations",
    "gated-units": "gated_units",
    "long-distance": "long_distance",
    "changed-word": "changed_word",
    "dropout-ensemble": "dropout_ensemble",
    "whole-text": "whole_text",
}
"""Modules of the experiments; each has a function `run`."""
QUICK: dict[str, float] = {"size": 32, "seconds": 1.0, "steps": 100, "seeds": 3}
FULL: dict[str, float] = {"size": 64, "seconds": 5.0, "steps": 400, "seeds": 5}
"""What is spent unless an option says otherwise."""
FIGURE_OPTIONS = frozenset(
    ["validation_fraction", "token", "max_size", "model_names", "full", "size", "seconds", "steps", "seeds", "threads"]
)
"""Parameters that change figures, and so belong to the command that repeats an experiment."""
SPREAD = "_spread"
"""End of the names of columns that are the spread of another column over seeds."""


@click.command()
@click.argument("text", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--only", multiple=True, type=click.Choice(tuple(EXPERIMENTS)), help="May be repeated. [default: all]")
@click.option("--validation-fraction", type=click.FloatRange(0, 1, True, True), default=0.1, show_default=True)
@click.option(
    "--token", type=click.Choice(TOKEN_KINDS), default="character", show_default=True, help="What is predicted."
)
@click.option("--max-size", type=click.IntRange(2), default=10_000, show_default=True, help="Of the vocabulary.")
@click.option("--model", "model_names", multiple=True, help="A published model to measure too; may be repeated.")
@click.option("--full", is_flag=True, help="Spend what the documentation's figures took: half an hour of a core.")
@click.option("--size", type=click.IntRange(1), help="Of vectors. [default: 32; full: 64]")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="A family. [default: 1; full: 5]")
@click.option("--steps", type=click.IntRange(1), help="Of each other training. [default: 100; full: 400]")
@click.option("--seeds", type=click.IntRange(1), help="Of each training. [default: 3; full: 5]")
@click.option("--output", type=FOLDER, default=Path("comparison"), show_default=True)
@click.option("--plots/--no-plots", "drawn", default=True, help="Draw each finding as PNG. [default: plots]")
@click.option(
    "--record", "recorded", is_flag=True, help="Keep them in the data folder too, where a service shows them."
)
@checkpoints_option
@threads_option
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    text: Path,
    only: tuple[str, ...],
    validation_fraction: float,
    token: TokenKind,
    max_size: int,
    model_names: tuple[str, ...],
    checkpoints: Path,
    full: bool,
    output: Path,
    drawn: bool,
    recorded: bool,
    threads: int,
    quiet: bool,
    as_json: bool,
    **limits: Any,
) -> None:
    """Try on TEXT what courses say of language models; write a JSON file and a plot per finding.

    Each claim gets a verdict from several seeds: it holds, does not hold, or is not decided. The defaults take a minute
    or two and decide little; --full spends more. Characters show in minutes what words show in hours: their softmax
    costs next to nothing, and most of a network is what is compared.
    """
    with without_gc():
        from app.experiments.finding import check_matplotlib, draw
        from app.experiments.run_facts import describe_run

    set_thread_count(threads)
    if drawn:
        check_matplotlib()
    budget = (FULL if full else QUICK) | {name: value for name, value in limits.items() if value is not None}
    models = load_language_models(checkpoints, model_names)
    setting = read_setting(
        text, validation_fraction, TokenizerConfig(token, max_size=max_size), models=models, **budget
    )
    output.mkdir(parents=True, exist_ok=True)
    findings = load_settings().data / FINDINGS_FOLDER if recorded else None
    for name in only or EXPERIMENTS:
        experiment, began = import_without_gc(f"app.experiments.{EXPERIMENTS[name]}"), time.time()
        finding: Finding = drive(experiment.run(setting), ProgressBar(quiet))
        facts = describe_run(text, list(_figure_options(context)), only=name, threads=threads, began=began)
        content = to_json(dict(finding.as_json()) | {"run": asdict(facts)})
        (output / f"{name}.json").write_text(content + "\n", encoding="utf-8")
        if findings is not None:
            record(findings, name, content)
        if drawn:
            draw(finding, output / f"{name}.png")
        click.echo(content if as_json else format_table(finding))


def _figure_options(context: click.Context) -> Iterator[str]:
    """Yield the options of the command line on which figures depend, as they were written."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in FIGURE_OPTIONS and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            for item in value if isinstance(value, tuple) else (value,):
                yield from (parameter.opts[0],) if item is True else (parameter.opts[0], f"{item}")


def read_setting(path: Path, validation_fraction: float, config: TokenizerConfig, **limits: Any) -> ExperimentInput:
    """Read the text, hold out its end and tokenize both. Raises InvalidInput and InvalidText."""
    with without_gc():
        from app.experiments.finding import ExperimentInput
        from models.data.corpus import Corpus
        from models.tokenization.tokenizer import Tokenizer

    train, valid = Corpus.open(path, kind=config.kind, texts=config.texts).split(validation_fraction)
    tokenizer = Tokenizer.train(config, train.chunks())
    held_out, text = valid.encode(tokenizer).ids, "".join(valid.chunks())
    return ExperimentInput(train.encode(tokenizer).ids, held_out, tokenizer.names.texts, valid_text=text, **limits)


def load_language_models(checkpoints: Path, names: Sequence[str]) -> dict[str, PublishedModel]:
    """Load published models by name. Raises InvalidInput for one that is no language model."""
    with without_gc():
        from app.experiments.finding import PublishedModel
        from models.checkpoint.load import load
        from models.language_model import LanguageModel

    models = {}
    for name in names:
        checkpoint = load(find_checkpoint(checkpoints, name).path)
        if not isinstance(checkpoint.model, LanguageModel):
            raise InvalidInput("model", f"must be a language model, and {name} is not")
        models[name] = PublishedModel(checkpoint.model, checkpoint.tokenizer)
    return models


def format_table(finding: Finding) -> str:
    """Format the rows of a finding as a table, and under it its claims with their verdicts."""
    names = [name for name in finding.rows[0] if not name.endswith(SPREAD)]
    cells = [names, *([_format_figure(row, name) for name in names] for row in finding.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    heading = ": ".join(filter(None, (finding.name, finding.note)))
    return "\n".join([heading, *lines, *map(str, finding.claims), ""])


def _format_figure(row: Mapping[str, Any], name: str) -> str:
    """Format a figure with its spread over seeds, if it has one."""
    spread = row.get(name + SPREAD)
    return _format_cell(row[name]) + (f" ± {spread:.2g}" if spread else "")


def _format_cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
