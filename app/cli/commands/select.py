"""`nextword select`: score the records of files, and write those that are worth keeping."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from app.cli.dataclass_options import dataclass_options, given_options
from app.cli.found_values import selection_lines
from app.cli.progress_bar import ProgressBar, drive
from app.cli.shared_options import (
    find_checkpoint,
    json_option,
    load_model,
    loading_options,
    model_argument,
    quiet_option,
    to_json,
)
from app.core.process_tuning import without_gc
from app.schemas.recipes import parse_config, read_recipe_file
from models.errors import InvalidInput
from models.selection.config import SelectionConfig, SelectionModels

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@model_argument
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE...")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File to write, compressed where it ends in .gz or .zst; {bucket} in its name makes one for head, middle and "
    "tail each.",
)
@click.option("--against", metavar="MODEL", help="Judge by the difference of another language model (Moore and Lewis).")
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="LABEL=MODEL",
    help="Language model for a label of the classifier MODEL. May be given several times.",
)
@click.option(
    "--cutoffs",
    "cutoffs_file",
    type=_FILE,
    metavar="FILE",
    help='TOML file of the figures at which middle and tail begin, a line for each label: en = [2.1, 3.0]; "*" is any.',
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the blocks that are done, from which a selection that was killed goes on. [default: OUTPUT.work]",
)
@dataclass_options(SelectionConfig, skip=["cutoffs"])
@loading_options
@quiet_option
@json_option
def command(
    model: str,
    files: tuple[Path, ...],
    output: Path,
    against: str | None,
    routes: tuple[str, ...],
    cutoffs_file: Path | None,
    work: Path | None,
    quiet: bool,
    as_json: bool,
    checkpoints: Path,
    threads: int,
    precision: str,
    **values: Any,
) -> None:
    """Score the records of FILEs with MODEL, and write those that are kept to one file, in order.

    A file holds a JSON object or a text a line, plain or compressed, or is in Parquet. Records are judged by a language
    model, by the difference of two, by a classifier's probability of a label, or by the model that is routed to their
    label. Without a rule (--min, --max, --lowest, --highest, --cutoffs, --percentiles) all of them are kept, with their
    `scores`. A bad record costs no other: it is counted, and the first of them are told. Run again after a kill, the
    command goes on with the block where it was, and writes the same bytes.
    """
    with without_gc():
        from models.selection.build_measure import build_measure
        from models.selection.selection import select

    fields = given_options(SelectionConfig, values)
    fields |= _read_cutoffs(cutoffs_file)
    config = parse_config(SelectionConfig, fields)
    models = SelectionModels(model, against, dict(map(_route, routes)))
    ids = [find_checkpoint(checkpoints, name).id for name in models.names]
    measure = build_measure(models, config, lambda name: load_model(name, checkpoints, threads, precision)[1])
    work = work or output.with_name(f"{output.name}.work")
    steps = select(files, measure, config, output, work, {"names": ids, "routes": list(models.routes)})
    result = drive(steps, ProgressBar(quiet))
    shutil.rmtree(work)
    content = {"model": ids[0], **result.content(), "files": list(dict.fromkeys(map(str, result.files.values())))}
    for line in [to_json(content)] if as_json else selection_lines(content):
        click.echo(line)


def _read_cutoffs(path: Path | None) -> dict[str, Any]:
    try:
        return {} if path is None else {"cutoffs": read_recipe_file(path)}
    except InvalidInput as error:
        raise error.of_field("cutoffs") from None


def _route(text: str) -> tuple[str, str]:
    label, separator, model = text.rpartition("=")
    if not (label and separator and model):
        raise InvalidInput("route", "must be LABEL=MODEL")
    return label, model
