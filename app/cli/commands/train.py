"""`nextword train`: build a recipe given by a file, options or both, and publish the model."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, get_args

import click

from app.cli.dataclass_options import dataclass_options, given_options
from app.cli.progress_bar import ProgressBar, drive
from app.cli.shared_options import (
    FOLDER,
    check_named,
    find_checkpoint,
    print_published,
    publishing_options,
    recipe_option,
)
from app.core.attribute_docs import attribute_docs
from app.core.process_tuning import without_gc
from app.schemas.recipes import MODEL_KINDS, merge_fields, parse_recipe, read_recipe_file
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.recipe import Recipe
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig, TokenKind


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@recipe_option
@dataclass_options(Recipe, skip=("files", "model", "tokenizer", "training", "extends", "memory"))
@click.option("--kind", type=click.Choice(MODEL_KINDS), help="Family of the model. [default: ngram]")
@dataclass_options(NgramConfig, note="n-gram: ")
@dataclass_options(RecurrentConfig, skip=["kind"], note="recurrent: ")
@dataclass_options(TrainingConfig, note="training: ")
@click.option("--tokenizer", "token", type=click.Choice(get_args(TokenKind)), help="What a token is. [default: word]")
@dataclass_options(TokenizerConfig, skip=["kind"], note="tokenizer: ")
@click.option("--extends", metavar="MODEL", help=attribute_docs(Recipe)["extends"])
@click.option("--memory", metavar="SIZE", help=f"{attribute_docs(Recipe)['memory']} As 500M, 2G or 50%.")
@click.option(
    "--workdir",
    type=FOLDER,
    metavar="DIR",
    help="Save the state of a recurrent training here once a minute, and go on from the one that is here; "
    "the place for counts that do not fit --memory.",
)
@publishing_options
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

    Every setting is an option, a field of the TOML file --recipe, or left to its default. In the file, `files`, `name`
    and other fields of no table stand at the top, the others in the tables [model] (with `kind`), [tokenizer] (with
    `kind`) and [training]. Ctrl-C stops without publishing anything.
    """
    fields = merge_fields(read_recipe_file(recipe_path), _recipe_fields(files, values))
    if isinstance(fields.get("extends"), str):
        fields["extends"] = str(find_checkpoint(checkpoints, fields["extends"]).path)
    check_named(fields)
    recipe = parse_recipe(fields)
    with without_gc():
        from models.checkpoint.save import save
        from models.recipes.build import build

    set_thread_count(threads)
    built = drive(build(recipe, workdir), ProgressBar(quiet))
    provenance = built.provenance(shlex.join(["nextword", *arguments]))
    ref = save(checkpoints, recipe.name, built.model, built.tokenizer, provenance, extra_files=built.extra_files)
    print_published(ref, built.model.kind, built.metrics, as_json)


def _recipe_fields(files: tuple[Path, ...], values: dict[str, Any]) -> dict[str, Any]:
    """Arrange the options as a recipe file has them."""
    return {
        **({"files": [str(path) for path in files]} if files else {}),
        **given_options(Recipe, values),
        "model": given_options(NgramConfig, values) | given_options(RecurrentConfig, values),
        "tokenizer": given_options(TokenizerConfig, values | {"kind": values["token"]}),
        "training": given_options(TrainingConfig, values),
    }
