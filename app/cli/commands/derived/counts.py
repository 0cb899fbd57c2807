"""`nextword counts`: show and merge counts of n-gram models, or count on many machines."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from app.cli.commands.derived.count_steps import STEPS
from app.cli.dataclass_options import dataclass_options, given_options
from app.cli.shared_options import (
    RawText,
    checkpoints_option,
    find_checkpoint,
    json_option,
    model_argument,
    print_published,
    threads_option,
    to_json,
)
from app.core.process_tuning import without_gc
from app.schemas.counts import counts_content
from app.schemas.recipes import parse_config
from models.checkpoint.card import Provenance, to_jsonable
from models.errors import InvalidInput
from models.ngram.config import NgramConfig
from models.threads import set_thread_count


@click.group()
def command() -> None:
    """Show and merge the counts beside models, or count a text of many files on many machines.

    `nextword train --keep-counts` leaves counts beside a model. A text that is too large for one machine is counted by
    census (of each file), freeze, map (each file), reduce (each part of the words), estimate (each part,
    in rounds, or not at all) and pack, all in one shared folder.
    """


for _step in STEPS:
    command.add_command(_step)


@command.command()
@model_argument
@click.argument("texts", nargs=-1, required=True, type=RawText(), metavar="TEXT...")
@click.option("--bos", is_flag=True, help="TEXT begins a line: the boundary is its first word.")
@click.option("--eos", is_flag=True, help="TEXT ends a line: the boundary is its last word.")
@checkpoints_option
@json_option
def show(model: str, texts: tuple[str, ...], bos: bool, eos: bool, checkpoints: Path, as_json: bool) -> None:
    """Show how often the n-grams that each TEXT ends in occur in the text that MODEL was made of.

    Prints, for each n-gram h w from the longest on, c(h w) / c(h), c(h w), c(h) and the n-gram, separated by tabs. The
    first is `undefined` where the context h never occurs.
    """
    with without_gc():
        from models.checkpoint.load import load
        from models.inference.prediction.ngram_counts import counts_of, text_ngram

    ref = find_checkpoint(checkpoints, model)
    checkpoint = load(ref.path)
    counts, tokenizer = counts_of(checkpoint.language_model), checkpoint.tokenizer
    ngrams = [text_ngram(tokenizer, text, bos=bos, eos=eos) for text in texts]
    results = [counts_content(ngram, counts.describe(ngram.ids), tokenizer.names) for ngram in ngrams]
    if as_json:
        click.echo(to_json({"model": ref.id, "order": counts.order, "results": results}))
        return
    for entry in (entry for result in results for entry in result["counts"]):
        frequency = entry["relative_frequency"]
        numbers = "undefined" if frequency is None else f"{frequency:.6f}", entry["count"], entry["context_count"]
        click.echo("\t".join(map(str, (*numbers, " ".join(entry["ngram"])))))


@command.command()
@click.argument("models", nargs=-1, metavar="MODEL...")
@click.option("--name", required=True, help="What the model will be published as.")
@click.option(
    "--allow-repeated",
    is_flag=True,
    help="Merge models that were made of the same text, such as two that extend one: it is then counted twice.",
)
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
    allow_repeated: bool,
    checkpoints: Path,
    threads: int,
    as_json: bool,
    **values: Any,
) -> None:
    """Publish the model of all texts that MODELs were made of, as if they had been counted together.

    All must have the same vocabulary. What no flag says is as in the first MODEL. The counts are published too. A MODEL
    that is named twice is counted twice.
    """
    if len(models) < 2:
        raise InvalidInput("models", "must be two or more")
    with without_gc():
        from models.checkpoint.counts_file import COUNTS_FILE, counts_tensors
        from models.checkpoint.load import load
        from models.checkpoint.save import save
        from models.ngram.model import NgramModel
        from models.ngram.smoothing.estimator import estimate_from_counts, fallback_notes
        from models.recipes.published_counts import merge_published_counts, repeated_texts

    set_thread_count(threads)
    refs = [find_checkpoint(checkpoints, model) for model in models]
    first = load(refs[0].path)
    if not isinstance(first.model, NgramModel):
        raise InvalidInput("models", f"must be n-gram models, and {models[0]} is not one")
    config = _override(first.model.ngram_config, given_options(NgramConfig, values))
    repeated = repeated_texts(refs)
    if not allow_repeated and len({ref.id for ref in refs}) == len(refs):
        _refuse_repeated(repeated)
    merged = merge_published_counts([ref.path for ref in refs], config.order)
    table = estimate_from_counts(config, merged.counts, closed=merged.tokenizer.config.closed)
    recipe = {"models": [ref.id for ref in refs], "model": to_jsonable(vars(config))}
    metrics = {"notes": [*(f"{sentence}: counted twice" for sentence in repeated), *fallback_notes(config, table)]}
    command_line, licence = shlex.join(["nextword", *arguments]), first.card.provenance.licence
    provenance = Provenance(command_line, licence, merged.corpus, recipe, metrics)
    model, extra_files = NgramModel(config, table), {COUNTS_FILE: counts_tensors(merged.counts.levels)}
    ref = save(checkpoints, name, model, merged.tokenizer, provenance, extra_files=extra_files)
    print_published(ref, model.kind, metrics, as_json)


def _override(config: NgramConfig, options: dict[str, Any]) -> NgramConfig:
    """Return `config` with the fields that options say. Raises InvalidInput."""
    overrides = parse_config(NgramConfig, options)
    return replace(config, **{name: getattr(overrides, name) for name in options})


def _refuse_repeated(repeated: list[str]) -> None:
    """Raise InvalidInput for texts that would be counted twice, a sentence each."""
    if repeated:
        raise InvalidInput(
            "models",
            f"{'; '.join(repeated)}, which would be counted twice: count texts apart with one vocabulary and merge "
            "those, or give --allow-repeated",
        )
