"""What several commands share: which model, where models are, and how results are printed.

It knows flags and output. It does not know what any command does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from app.core.container_limits import cpu_quota
from app.core.settings import Settings
from app.schemas.recipes import to_invalid_input
from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import Checkpoint, load
from models.checkpoint.repository import CheckpointRef, resolve
from models.errors import InvalidInput
from models.ngram.model import NgramModel
from models.threads import set_thread_count

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print machine-readable results.")
checkpoints_option = click.option(
    "--checkpoints",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: settings().checkpoints,
    metavar="DIR",
    help="Where models are published. [default: checkpoints, or NEXTWORD_CHECKPOINTS]",
)
threads_option = click.option(
    "--threads", type=click.IntRange(1), default=cpu_quota, help="Threads that compute. [default: all there are]"
)
model_argument = click.argument("model")
recipe_option = click.option(
    "--recipe", "recipe_path", type=click.Path(path_type=Path), help="TOML file of the same; flags win."
)
precision_option = click.option(
    "--precision",
    type=click.Choice(tuple(FAMILIES_BY_PRECISION)),
    default="float32",
    help="What a recurrent model computes in: int8 is faster and a little less exact. [default: float32]",
)


def load_model(checkpoints: Path, model: str, threads: int, precision: str) -> tuple[CheckpointRef, Checkpoint]:
    """The checkpoint that `model` means, ready to compute in that many threads."""
    set_thread_count(threads)
    entry = resolve(checkpoints, model)
    return entry, load(entry.path, families=FAMILIES_BY_PRECISION[precision])


def load_ngram(checkpoints: Path, model: str) -> tuple[Checkpoint, NgramModel]:
    """The checkpoint that `model` means, and the n-gram model in it. Raises InvalidInput for one of another family."""
    found = load(resolve(checkpoints, model).path)
    if not isinstance(found.model, NgramModel):
        raise InvalidInput("model", f"must be an n-gram model, and {model} is not")
    return found, found.model


def print_published(entry: CheckpointRef, kind: str, metrics: dict[str, Any], as_json: bool) -> None:
    """Print what was made and how good it is."""
    if as_json:
        click.echo(to_json({"model": entry.id, "path": str(entry.path), "kind": kind, "metrics": metrics}))
        return
    click.echo(f"published {entry.id} in {entry.path}")
    if fitted := metrics.get("fit"):
        click.echo(f"weights {', '.join(f'{weight:.4f}' for weight in fitted['weights'])}")
    for unit, found in metrics.get("validation", {}).items():
        perplexity = "infinite" if found["perplexity"] is None else f"{found['perplexity']:.2f}"
        click.echo(
            f"perplexity {perplexity} on held-out {unit}: "
            f"{found['token_count']} tokens, {found['oov_count']} of them unknown"
        )


def to_json(result: Any) -> str:
    """The result as one line of JSON."""
    return json.dumps(result, ensure_ascii=False, allow_nan=False)


def settings(**given: Any) -> Settings:
    """The service's settings, as far as no flag gives them from the environment. Raises InvalidInput."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise to_invalid_input(error) from None
