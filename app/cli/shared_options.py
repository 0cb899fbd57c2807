"""Options, loading of models and format of printed results that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from app.cli.figures import held_out_lines
from app.core.container_limits import cpu_quota
from app.core.process_tuning import without_gc
from app.core.settings import load_settings
from models.checkpoint.repository import CheckpointRef, list_checkpoints, resolve
from models.errors import CheckpointNotFound, InvalidInput
from models.threads import set_thread_count
from models.tokenization.config import TokenKind
from models.tokenization.raw_text import clean
from models.utils.process_count import local_process_count

if TYPE_CHECKING:
    from models.checkpoint.load import Checkpoint
    from models.ngram.model import NgramModel

Command = TypeVar("Command", bound=Callable[..., Any])


class RawText(click.ParamType[str]):
    """Parameter type of text as people type it, which is cleaned as the text of requests is."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Clean a text."""
        del param, ctx
        return clean(str(value))


FOLDER = click.Path(file_okay=False, path_type=Path)
PRECISIONS = ("float32", "int8")
TOKEN_KINDS: tuple[str, ...] = tuple(kind for kind in get_args(TokenKind) if kind != "file")
"""Kinds of tokens that a text makes; those of a file come with it."""
json_option = click.option("--json", "as_json", is_flag=True, help="Print machine-readable results.")
checkpoints_option = click.option(
    "--checkpoints",
    type=FOLDER,
    default=lambda: load_settings().checkpoints,
    metavar="DIR",
    help="Where models are published. [default: checkpoints, or NEXTWORD_CHECKPOINTS]",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(1),
    default=lambda: max(1, cpu_quota() // local_process_count()),
    help="Threads that compute. [default: all there are]",
)
model_argument = click.argument("model")
recipe_option = click.option(
    "--recipe", "recipe_path", type=click.Path(path_type=Path), help="TOML file with the same settings; flags win."
)
precision_option = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    help="What a recurrent model computes in: int8 is faster and a little less exact. [default: float32]",
)
tokenizer_option = click.option(
    "--tokenizer",
    "token",
    metavar="KIND|FILE",
    help=f"What a token is: {', '.join(TOKEN_KINDS)}, or those of a FILE: a Hugging Face tokenizer.json, a "
    "SentencePiece .model, or a list of words. [default: word]",
)
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress.")


def loading_options(command: Command) -> Command:
    """Add the options that `load_model` needs: --checkpoints, --precision and --threads."""
    return checkpoints_option(precision_option(threads_option(command)))


def publishing_options(command: Command) -> Command:
    """Add the options of commands that train and publish: --checkpoints, --threads, --quiet and --json."""
    return checkpoints_option(threads_option(quiet_option(json_option(command))))


def kind_or_file(token: str | None) -> dict[str, Any]:
    """Return the tokenizer's field for --tokenizer. Raises InvalidInput for neither kind nor file."""
    if token is None or token in TOKEN_KINDS:
        return {"kind": token}
    if not Path(token).is_file():
        raise InvalidInput("tokenizer", f"must be one of {', '.join(TOKEN_KINDS)}, or a file; {token!r} is neither")
    return {"kind": None, "file": token}  # not the kind of the model


def find_checkpoint(checkpoints: Path, model: str) -> CheckpointRef:
    """Find the checkpoint that `model` refers to. Raises CheckpointNotFound, hinting at an empty folder."""
    try:
        return resolve(checkpoints, model)
    except CheckpointNotFound as error:
        if "/" in model or list_checkpoints(checkpoints):
            raise
        hint = "--checkpoints or NEXTWORD_CHECKPOINTS names another folder"
        raise CheckpointNotFound(f"{error} ({hint})") from None


def check_named(recipe_fields: dict[str, Any]) -> None:
    """Raise InvalidInput for fields of a recipe without a name."""
    if "name" not in recipe_fields:
        raise InvalidInput("name", "required (--name, or `name` in the recipe)")


def load_model(model: str, checkpoints: Path, threads: int, precision: str) -> tuple[CheckpointRef, Checkpoint]:
    """Load the checkpoint that `model` refers to, and set the number of compute threads.

    A note on standard error says so where its probabilities do not sum to one.
    """
    with without_gc():
        from models.checkpoint.families import FAMILIES_BY_PRECISION
        from models.checkpoint.load import load

    set_thread_count(threads)
    ref = find_checkpoint(checkpoints, model)
    checkpoint = load(ref.path, families=FAMILIES_BY_PRECISION[precision])
    if not checkpoint.card.normalized:
        click.echo(f"note: not all probabilities of {ref.id} sum to one: its figures compare with no others", err=True)
    return ref, checkpoint


def load_ngram(checkpoints: Path, model: str) -> tuple[Checkpoint, NgramModel]:
    """Load a checkpoint that holds an n-gram model. Raises InvalidInput for one of another family."""
    with without_gc():
        from models.checkpoint.load import load
        from models.ngram.model import NgramModel

    checkpoint = load(find_checkpoint(checkpoints, model).path)
    if not isinstance(checkpoint.model, NgramModel):
        raise InvalidInput("model", f"must be an n-gram model, and {model} is not")
    return checkpoint, checkpoint.model


def print_published(ref: CheckpointRef, kind: str, metrics: dict[str, Any], as_json: bool) -> None:
    """Print a published model and its metrics; on standard error, notes on how they came about."""
    for note in metrics.get("notes", []):
        click.echo(f"note: {note}", err=True)
    if as_json:
        click.echo(to_json({"model": ref.id, "path": str(ref.path), "kind": kind, "metrics": metrics}))
        return
    click.echo(f"published {ref.id} in {ref.path}")
    if fit := metrics.get("fit"):
        click.echo(f"weights {', '.join(f'{weight:.4f}' for weight in fit['weights'])}")
    for line in held_out_lines(metrics.get("validation", {})):
        click.echo(line)
    if refit := metrics.get("refit"):
        click.echo(f"estimated from the whole text after that: {refit['token_count']} tokens, {refit['lines']} lines")


def to_json(result: object) -> str:
    """Format a JSON-ready result as one line."""
    return json.dumps(result, ensure_ascii=False, allow_nan=False)
