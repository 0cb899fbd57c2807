"""`nextword counts`: merge the counts of published n-gram models into a new one, without their texts."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from app.cli.dataclass_options import dataclass_options, given_options
from app.cli.shared_options import checkpoints_option, find_checkpoint, json_option, print_published, threads_option
from app.core.process_tuning import without_gc
from app.schemas.recipes import parse_config
from models.checkpoint.card import Provenance, to_jsonable
from models.errors import InvalidInput
from models.ngram.config import NgramConfig
from models.threads import set_thread_count


@click.group()
def command() -> None:
    """Work with the counts that `nextword train --keep-counts` leaves beside a model."""


@command.command()
@click.argument("models", nargs=-1, metavar="MODEL...")
@click.option("--name", required=True, help="What the model will be published as.")
@dataclass_options(NgramConfig)
@checkpoints_option
@threads_option
@json_option
@click.pass_obj
def merge(
    arguments: list[str],
    /,
    models: tuple[str, ...],
    name: str,
    checkpoints: Path,
    threads: int,
    as_json: bool,
    **values: Any,
) -> None:
    """Publish the model of all texts that MODELs were made of, as if they had been counted together.

    All must have the same vocabulary. What no flag says is as in the first MODEL. The counts are published too.
    """
    if len(models) < 2:
        raise InvalidInput("models", "must be two or more")
    with without_gc():
        from models.checkpoint.counts_file import COUNTS_FILE, counts_tensors
        from models.checkpoint.load import load
        from models.checkpoint.save import save
        from models.ngram.model import NgramModel
        from models.ngram.smoothing.estimator import estimate_from_counts
        from models.recipes.published_counts import merge_published_counts

    set_thread_count(threads)
    refs = [find_checkpoint(checkpoints, model) for model in models]
    first = load(refs[0].path)
    if not isinstance(first.model, NgramModel):
        raise InvalidInput("models", f"must be n-gram models, and {models[0]} is not one")
    options = given_options(NgramConfig, values)
    overrides = parse_config(NgramConfig, options)
    config = replace(first.model.ngram_config, **{name: getattr(overrides, name) for name in options})
    merged = merge_published_counts([ref.path for ref in refs], config.order)
    model = NgramModel(config, estimate_from_counts(config, merged.counts))
    recipe = {"models": [ref.id for ref in refs], "model": to_jsonable(vars(config))}
    licence = first.card.provenance.licence
    provenance = Provenance(shlex.join(["nextword", *arguments]), licence, merged.corpus, recipe)
    extra_files = {COUNTS_FILE: counts_tensors(merged.counts.levels)}
    ref = save(checkpoints, name, model, merged.tokenizer, provenance, extra_files=extra_files)
    print_published(ref, model.kind, {}, as_json)
