"""`nextword train`: build a recipe given by a file, options or both, and publish the model."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.dataclass_options import SectionedCommand, dataclass_options, given_options
from app.cli.progress_bar import ProgressBar, drive
from app.cli.shared_options import (
    FOLDER,
    check_named,
    find_checkpoint,
    kind_or_file,
    print_published,
    publishing_options,
    recipe_option,
    tokenizer_option,
)
from app.cli.task_options import task_fields, task_options, unused_options
from app.cli.text_input import STANDARD_INPUT, standard_input_as_file
from app.core.attribute_docs import attribute_docs
from app.core.process_tuning import without_gc
from app.schemas.recipes import MODEL_KINDS, merge_fields, parse_any_recipe, read_recipe_file
from models.errors import CheckpointNotFound, InvalidInput
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.recipe import Recipe
from models.recipes.task_kinds import TASK_KINDS
from models.recipes.task_recipe import TaskRecipe
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig
from models.utils.process_count import process_count
from models.utils.progress import Progress

if TYPE_CHECKING:
    from models.neural.training.world import World
    from models.recipes.build import BuiltModel
    from models.recipes.build_task import BuiltTask


@click.command(cls=SectionedCommand)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@recipe_option
@dataclass_options(Recipe, skip=("files", "model", "tokenizer", "training", "extends", "memory"))
@click.option("--kind", type=click.Choice(MODEL_KINDS), help="Family of the model. [default: ngram]")
@tokenizer_option
@dataclass_options(TokenizerConfig, skip=["kind", "file"], section="Tokenizer")
@dataclass_options(NgramConfig, section="N-gram models")
@dataclass_options(RecurrentConfig, skip=["kind"], section="Recurrent language models")
@dataclass_options(TrainingConfig, section="Training")
@task_options
@click.option("--extends", metavar="MODEL", help=attribute_docs(Recipe)["extends"])
@click.option("--memory", metavar="SIZE", help=f"{attribute_docs(Recipe)['memory']} As 500M, 2G or 50%.")
@click.option(
    "--workdir",
    type=FOLDER,
    metavar="DIR",
    help="Save the state of a training here once a minute, and go on from the one that is here; "
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
    """Make a model from text FILES, or a task's model from labelled ones, and publish it.

    Files may be compressed (gzip, bzip2, xz, Zstandard); - is standard input.

    Every setting is an option, a field of the TOML file --recipe, or left to its default. In the file, `files`, `name`
    and other fields of no table stand at the top, the others in the tables [model] (with `kind`), [tokenizer] (with
    `kind`) and [training]; tasks have [encoder] and [format] as well. Ctrl-C stops without publishing anything.

    Processes that torchrun starts train a recurrent language model together.
    """
    fields = read_recipe_file(recipe_path)
    fields = merge_fields(fields, _given_fields(files, values, _kind(fields, values)))
    if isinstance(fields.get("extends"), str):
        fields["extends"] = str(find_checkpoint(checkpoints, fields["extends"]).path)
    if isinstance(fields.get("initialize_from"), str):
        fields["initialize_from"] = str(_find_origin(checkpoints, fields["initialize_from"]))
    check_named(fields)
    recipe = parse_any_recipe(fields)
    set_thread_count(threads)
    with without_gc():
        from models.checkpoint.save import save

    with standard_input_as_file([str(path) for path in recipe.files]) as paths, _joined_world(recipe) as world:
        leads = world is None or world.is_first
        with without_gc():
            work = _work(replace(recipe, files=tuple(map(Path, paths))), workdir, world)
        built = drive(work, ProgressBar(quiet or not leads))
    if not leads:
        return
    provenance = built.provenance(shlex.join(["nextword", *arguments]))
    provenance = replace(provenance, recipe=provenance.recipe | {"files": [str(path) for path in recipe.files]})
    ref = save(checkpoints, recipe.name, built.model, built.tokenizer, provenance, extra_files=built.extra_files)
    print_published(ref, built.model.kind, built.metrics, as_json)


def _find_origin(checkpoints: Path, name: str) -> Path:
    """Return the path of the word vectors or of the published model that a training begins with."""
    if Path(name).is_file():
        return Path(name)
    try:
        return find_checkpoint(checkpoints, name).path
    except CheckpointNotFound as error:
        raise InvalidInput(
            "initialize_from", f"must be a file of word vectors, or a published model: {error}"
        ) from None


def _work(
    recipe: Recipe | TaskRecipe, workdir: Path | None, world: World | None
) -> Generator[Progress, None, BuiltModel | BuiltTask]:
    """Return the work of a recipe, of whose libraries only those that it needs are imported."""
    if isinstance(recipe, TaskRecipe):
        from models.recipes.build_task import build_task

        return build_task(recipe, workdir)
    from models.recipes.build import build

    return build(recipe, workdir) if world is None else build(recipe, workdir, world=world)


@contextmanager
def _joined_world(recipe: Recipe | TaskRecipe) -> Iterator[World | None]:
    """Join the processes that torchrun has started to train the recipe; None where this one is alone.

    Raises InvalidInput for a recipe that only one process can follow, and TrainingFailed where the others do not come.
    """
    count = process_count()
    if count == 1:
        yield None
        return
    if not (isinstance(recipe, Recipe) and isinstance(recipe.model, RecurrentConfig)):
        raise InvalidInput("kind", f"must be a recurrent language model for {count} processes to train it together")
    if Path(STANDARD_INPUT) in recipe.files:
        raise InvalidInput("files", f"must be files: {count} processes cannot all read the standard input")
    with without_gc():
        from models.neural.training.join import join_world

    with join_world() as world:
        yield world


def _kind(fields: dict[str, Any], values: dict[str, Any]) -> str:
    """Return the kind of model that is asked for, whether or not there is one of that name."""
    table = fields.get("model")
    return str(values["kind"] or (table.get("kind", "ngram") if isinstance(table, dict) else "ngram"))


def _given_fields(files: tuple[Path, ...], values: dict[str, Any], kind: str) -> dict[str, Any]:
    """Arrange the options as a recipe file of this kind has them."""
    given = {"files": [str(path) for path in files]} if files else {}
    tokenizer = given_options(TokenizerConfig, values | kind_or_file(values["token"]))
    if kind in TASK_KINDS:
        return given | task_fields(kind, values) | {"tokenizer": tokenizer}
    model = given_options(NgramConfig, values) | given_options(RecurrentConfig, values)
    top, training = given_options(Recipe, values), given_options(TrainingConfig, values)
    # The table of the model refuses what only tasks have.
    model |= unused_options(values, [top, model, tokenizer, training])
    return {**given, **top, "model": model, "tokenizer": tokenizer, "training": training}
