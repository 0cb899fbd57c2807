"""`nextword evaluate`: perplexity of a model on a text, or a task's figures on labelled files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from app.cli.dataclass_options import SectionedCommand, dataclass_options, given_options
from app.cli.figures import figure_lines
from app.cli.progress_bar import ProgressBar, drive
from app.cli.shared_options import json_option, load_model, loading_options, model_argument, quiet_option, to_json
from app.cli.task_options import FORMATS, format_options
from app.cli.text_input import open_text
from app.core.process_tuning import without_gc
from app.schemas.recipes import parse_config
from models.composite.config import DynamicConfig, UpdateRule
from models.data.encoding_names import UTF_8
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.evaluation.metrics import Unit
from models.recipes.task_kinds import FORMATS_BY_CAPABILITY
from models.utils.progress import with_progress

if TYPE_CHECKING:
    from models.checkpoint.load import Checkpoint

_READ_BYTES = 1 << 16
_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.command(cls=SectionedCommand)
@model_argument
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE...")
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
@click.option("--bos/--no-bos", default=None, help="Begin each line, or the document, after </s>. [default: bos]")
@click.option("--eos/--no-eos", default=None, help="Score the end of each line, or of the document. [default: eos]")
@click.option(
    "--dynamic",
    type=click.Choice(get_args(UpdateRule)),
    help="Let a copy of a recurrent model learn from the text as it scores it, by this rule; document only.",
)
@click.option(
    "--typing",
    type=click.IntRange(1),
    metavar="WORDS",
    help="Have the first WORDS words typed, too: hits among 1, 3 and 5 suggestions, and keystrokes saved by 5.",
)
@dataclass_options(DynamicConfig, skip=["rule"], section="Dynamic evaluation")
@format_options
@loading_options
@quiet_option
@json_option
def command(
    model: str,
    files: tuple[Path, ...],
    checkpoints: Path,
    precision: str,
    threads: int,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Measure how well MODEL predicts a text (- for standard input), or does its task on labelled files."""
    with without_gc():
        from models.language_model import LanguageModel

    ref, checkpoint = load_model(model, checkpoints, threads, precision)
    if not checkpoint.model.capabilities:
        raise InvalidInput("model", f"{ref.id} learned from reversed text: measure the models made of it")
    bar = ProgressBar(quiet)
    if isinstance(checkpoint.model, LanguageModel):
        figures = _measure_text(checkpoint, files, values, bar)
    else:
        figures = _measure_task(checkpoint, files, values, bar)
    result = {"model": ref.id} | figures
    if as_json:
        click.echo(to_json(result))
        return
    for line in figure_lines(result):
        click.echo(line)


def _measure_text(
    checkpoint: Checkpoint, files: tuple[Path, ...], values: dict[str, Any], bar: ProgressBar
) -> dict[str, Any]:
    """Return the figures of a language model on one text."""
    from models.data.paragraph_reader import open_reader
    from models.data.sentence_marks import split_off_marks
    from models.data.text_files import clean_blocks
    from models.evaluation.evaluator import evaluate
    from models.evaluation.metrics import evaluation_figures

    for name in (name for kind in FORMATS.values() for name in given_options(kind, values) if name != "encoding"):
        raise InvalidInput(name, "is for models that labelled files measure")
    if len(files) > 1:
        raise InvalidInput("file", "one text is accepted")
    tokenizer, dynamic, options = checkpoint.tokenizer, values["dynamic"], given_options(DynamicConfig, values)
    unit: Unit = values["unit"] or ("lines" if tokenizer.config.has_lines and dynamic is None else "document")
    scorer = checkpoint.language_model
    if dynamic is not None:
        from models.composite.dynamic_evaluation import make_dynamic  # loads torch

        scorer = make_dynamic(scorer, parse_config(DynamicConfig, {"rule": dynamic, **options}), unit)
    elif options:
        raise InvalidInput(next(iter(options)), "is for --dynamic only")
    with open_text(files[0]) as file:
        reader = open_reader(tokenizer.config, values["empty_lines"], encoding=values["encoding"] or UTF_8)
        marks, text = split_off_marks(clean_blocks(iter(lambda: file.read(_READ_BYTES), b""), reader))
        for note in marks.notes():
            click.echo(f"note: {note}", err=True)
        typing, text = _measure_typing(checkpoint, text, values["typing"], dynamic, bar)
        ends = {name: values[name] is not False for name in ("bos", "eos")}
        work = evaluate(scorer, tokenizer, text, unit, values["empty_lines"], **ends)
        evaluation = drive(with_progress(work), bar)
    return {"unit": unit} | evaluation_figures(evaluation) | typing


def _measure_typing(
    checkpoint: Checkpoint, text: Iterator[str], words: int | None, dynamic: UpdateRule | None, bar: ProgressBar
) -> tuple[dict[str, Any], Iterator[str]]:
    """Return figures of typing the first words of a text, if they are asked for, and the text again."""
    from models.evaluation.typing_figures import measure_typing, take_words

    if words is None:
        return {}, text
    if dynamic is not None:
        raise InvalidInput("typing", "is not for --dynamic: suggestions are those of the model as it is")
    lines, text = take_words(text, words)
    work = measure_typing(checkpoint.predictor, checkpoint.tokenizer, lines, words)
    return drive(with_progress(work), bar).figures(), text


def _measure_task(
    checkpoint: Checkpoint, files: tuple[Path, ...], values: dict[str, Any], bar: ProgressBar
) -> dict[str, Any]:
    """Return the figures of a task's model on labelled files, or on plain text where it fills blanks."""
    from models.recipes.build_task import evaluate_task

    for name in ("unit", "bos", "eos", "dynamic", "typing", *given_options(DynamicConfig, values)):
        if values[name] is not None:
            raise InvalidInput(name, "is for language models")
    capabilities = checkpoint.model.capabilities
    kind = next((kind for name, kind in FORMATS_BY_CAPABILITY.items() if name in capabilities), None)
    wanted = {} if kind is None else given_options(kind, values)
    for name in (name for other in FORMATS.values() for name in given_options(other, values)):
        if name not in wanted and not (kind is None and name == "encoding"):
            raise InvalidInput(name, f"is not for files that measure a {checkpoint.model.kind}")
    file_format = None if kind is None else parse_config(kind, wanted)
    encoding = (values["encoding"] or UTF_8) if kind is None else UTF_8
    work = evaluate_task(checkpoint.model, checkpoint.tokenizer, files, file_format, values["empty_lines"], encoding)
    return drive(work, bar)
