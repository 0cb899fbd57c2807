"""Options that several commands share, and the format in which they print results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from app.core.container_limits import cpu_quota
from app.core.settings import load_settings
from models.checkpoint.repository import CheckpointRef

FOLDER = click.Path(file_okay=False, path_type=Path)
PRECISIONS = ("float32", "int8")

json_option = click.option("--json", "as_json", is_flag=True, help="Print machine-readable results.")
checkpoints_option = click.option(
    "--checkpoints",
    type=FOLDER,
    default=lambda: load_settings().checkpoints,
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
    type=click.Choice(PRECISIONS),
    default="float32",
    help="What a recurrent model computes in: int8 is faster and a little less exact. [default: float32]",
)
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress.")


def print_published(ref: CheckpointRef, kind: str, metrics: dict[str, Any], as_json: bool) -> None:
    """Print a published model and its metrics."""
    if as_json:
        click.echo(to_json({"model": ref.id, "path": str(ref.path), "kind": kind, "metrics": metrics}))
        return
    click.echo(f"published {ref.id} in {ref.path}")
    if fit := metrics.get("fit"):
        click.echo(f"weights {', '.join(f'{weight:.4f}' for weight in fit['weights'])}")
    for unit, figures in metrics.get("validation", {}).items():
        perplexity = "infinite" if figures["perplexity"] is None else f"{figures['perplexity']:.2f}"
        click.echo(
            f"perplexity {perplexity} on held-out {unit}: "
            f"{figures['token_count']} tokens, {figures['oov_count']} of them unknown"
        )


def to_json(result: object) -> str:
    """Format a JSON-ready result as one line."""
    return json.dumps(result, ensure_ascii=False, allow_nan=False)
