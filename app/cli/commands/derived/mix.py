"""`nextword mix`: publish a mixture or a pair of published models, or a cache over one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from app.cli.dataclass_options import dataclass_options, given_options
from app.cli.progress_bar import ProgressBar, drive
from app.cli.shared_options import check_named, print_published, publishing_options, recipe_option
from app.core.process_tuning import without_gc
from app.schemas.recipes import merge_fields, parse_composition, read_recipe_file
from models.composite.config import CacheConfig, MixtureConfig, NeuralCacheConfig
from models.recipes.recipe import COMPOSITE_CONFIGS, Composition
from models.tasks.fill_in.config import LanguageModelPairConfig
from models.threads import set_thread_count


@click.command()
@click.argument("members", nargs=-1, metavar="MODEL...")
@recipe_option
@dataclass_options(Composition, skip=("members", "model"))
@click.option("--kind", type=click.Choice(list(COMPOSITE_CONFIGS)), help="What to make of them. [default: mixture]")
@dataclass_options(MixtureConfig, note="mixture: ")
@dataclass_options(CacheConfig, note="caches: ")
@dataclass_options(NeuralCacheConfig, skip=("window", "weight"), note="neural cache: ")
@dataclass_options(LanguageModelPairConfig, note="pair: ")
@publishing_options
@click.pass_obj
def command(
    arguments: list[str],
    /,
    members: tuple[str, ...],
    recipe_path: Path | None,
    checkpoints: Path,
    threads: int,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Make a model of published MODELs and publish it beside them.

    A mixture weighs their probabilities by --weights, or by those that suit the text of --validation best. A cache or
    neural_cache, over one model, raises the probability of words read lately. A language_model_pair, of a model and one
    trained with --reversed, fills blanks from both sides. The new model has no parameters of its own: it refers to its
    members. In the TOML file --recipe, `members`, `name` and other fields of no table stand at
    the top, the rest, with `kind`, in the table [model].
    """
    fields = merge_fields(read_recipe_file(recipe_path), _composition_fields(members, values))
    check_named(fields)
    composition = parse_composition(fields)
    with without_gc():
        from models.checkpoint.save import save
        from models.recipes.compose import compose

    set_thread_count(threads)
    composite = drive(compose(composition, checkpoints), ProgressBar(quiet))
    provenance = composite.provenance(shlex.join(["nextword", *arguments]))
    model, tokenizer = composite.model, composite.tokenizer
    ref = save(checkpoints, composition.name, model, tokenizer, provenance, members=composite.members)
    print_published(ref, model.kind, composite.metrics, as_json)


def _composition_fields(members: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    """Arrange the options as a recipe file has them."""
    model = {"kind": values["kind"]} if values["kind"] else {}
    for config in COMPOSITE_CONFIGS.values():
        model |= given_options(config, values)
    return {**({"members": list(members)} if members else {}), **given_options(Composition, values), "model": model}
