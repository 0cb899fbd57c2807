"""`nextword train`: a recipe from a file, flags or both, built in sight of the user and published."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, get_args

import click
import torch

from app.cli.dataclass_options import flags, given
from app.cli.progress_bar import Display, drive
from app.cli.shared_options import as_json, checkpoints, published, recipe_file, threads
from app.core.attribute_docs import documentation
from app.schemas import recipes
from models.checkpoint import save as checkpoint
from models.checkpoint.repository import resolve
from models.neural.model import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.build import build
from models.recipes.recipe import Recipe
from models.tokenization.config import TokenKind
from models.tokenization.tokenizer import TokenizerConfig


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@recipe_file
@flags(Recipe, skip=("files", "model", "tokenizer", "training", "extends", "memory"))
@click.option("--kind", type=click.Choice(recipes.KINDS), help="Family of the model. [default: ngram]")
@flags(NgramConfig, note="n-gram: ")
@flags(RecurrentConfig, skip=["kind"], note="recurrent: ")
@flags(TrainingConfig, note="training: ")
@click.option("--tokenizer", "token", type=click.Choice(get_args(TokenKind)), help="What a token is. [default: word]")
@flags(TokenizerConfig, skip=["kind"], note="tokenizer: ")
@click.option("--extends", metavar="MODEL", help=documentation(Recipe)["extends"])
@click.option("--memory", metavar="SIZE", help=f"{documentation(Recipe)['memory']} As 500M, 2G or 50%.")
@click.option(
    "--workdir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Save the state of a recurrent training here once a minute, and go on from the one that is here; "
    "the place for counts that do not fit --memory.",
)
@checkpoints
@threads
@click.option("--quiet", is_flag=True, help="Show no progress.")
@as_json
@click.pass_obj
def command(
    arguments: list[str],
    /,
    files: tuple[Path, ...],
    recipe_path: Path | None,
    checkpoints: Path,
    workdir: Path | None,
    threads: int,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Make a model from text FILES and publish it.

    Every setting is a flag, a field of the TOML file --recipe, or left to its default. In the file, `files`, `name`
    and what else is not said of a family stand at the top, the others in the tables [model] (with `kind`),
    [tokenizer] (with `kind`) and [training]. Ctrl-C stops without publishing anything.
    """
    written = recipes.merged(recipes.read(recipe_path), _written(files, values))
    if isinstance(written.get("extends"), str):
        written["extends"] = str(resolve(checkpoints, written["extends"]).path)
    recipe = recipes.recipe(written)
    torch.set_num_threads(threads)
    built = drive(build(recipe, workdir), Display(quiet))
    provenance = built.provenance(shlex.join(["nextword", *arguments]))
    entry = checkpoint.save(checkpoints, recipe.name, built.model, built.tokenizer, provenance, beside=built.beside)
    published(entry, built.model.kind, built.metrics, as_json)


def _written(files: tuple[Path, ...], values: dict[str, Any]) -> dict[str, Any]:
    """The flags as a file would have them."""
    kind, token = values.pop("kind"), values.pop("token")
    return {
        **({"files": [str(path) for path in files]} if files else {}),
        **{name: str(value) if isinstance(value, Path) else value for name, value in given(Recipe, values).items()},
        "model": {**_known(kind=kind), **given(NgramConfig, values), **given(RecurrentConfig, values)},
        "tokenizer": {**_known(kind=token), **given(TokenizerConfig, values)},
        "training": given(TrainingConfig, values),
    }


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
