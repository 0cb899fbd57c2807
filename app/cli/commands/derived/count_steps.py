"""`nextword counts census | freeze | map | reduce | pack`: counts of many files on many machines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from app.cli.dataclass_options import dataclass_options, given_options
from app.cli.progress_bar import ProgressBar, drive
from app.cli.shared_options import (
    FOLDER,
    kind_or_file,
    print_published,
    publishing_options,
    threads_option,
    tokenizer_option,
)
from app.core.attribute_docs import attribute_docs
from app.core.container_limits import parse_memory_size
from app.core.process_tuning import without_gc
from app.schemas.recipes import parse_config
from models.errors import InvalidInput
from models.ngram.config import MIN_MEMORY_BYTES, NgramConfig
from models.recipes.recipe import Recipe
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig

Command = TypeVar("Command", bound=Callable[..., Any])
_DOCS = attribute_docs(Recipe)
_work_option = click.option(
    "--work", type=FOLDER, required=True, metavar="DIR", help="Folder that all steps share; each makes files in it."
)
_shard_argument = click.argument("shard", type=click.Path(path_type=Path))


class _MemorySize(click.ParamType[int]):
    """Parameter type of a budget of memory, in bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Convert "2G" to bytes. Raises InvalidInput for less than counting needs."""
        del param, ctx
        size = parse_memory_size(str(value))
        if size < MIN_MEMORY_BYTES:
            raise InvalidInput("memory", f"must be {MIN_MEMORY_BYTES >> 20} MiB or more")
        return size


def _memory_options(command: Command) -> Command:
    """Add --memory, --scratch and --threads."""
    memory = "How much memory the step may take; what does not fit is worked on in files. As 500M, 2G or 50%."
    scratch = "Folder for those files, on a disk of this machine. [default: that for temporary files]"
    command = click.option("--scratch", type=FOLDER, metavar="DIR", help=scratch)(command)
    return click.option("--memory", type=_MemorySize(), metavar="SIZE", help=memory)(command)


@click.command()
@_shard_argument
@_work_option
@tokenizer_option
@dataclass_options(TokenizerConfig, skip=["kind", "file"])
@click.option("--empty-lines", type=click.Choice(["keep", "drop"]), default="keep", help=_DOCS["empty_lines"])
@click.option("--encoding", default="utf-8", help=_DOCS["encoding"])
@threads_option
def census(shard: Path, work: Path, empty_lines: Any, encoding: str, threads: int, **values: Any) -> None:
    """Count the vocabulary of SHARD, a text file of whole lines, compressed or not.

    All shards need the same settings, and names that differ.
    """
    with without_gc():
        from models.recipes.map_reduce.census import Reading, take_census
        from models.recipes.map_reduce.work_folder import WorkFolder

    set_thread_count(threads)
    fields = given_options(TokenizerConfig, values | kind_or_file(values["token"]))
    reading = Reading(parse_config(TokenizerConfig, fields, "tokenizer."), empty_lines, encoding)
    taken = take_census(shard, reading)
    click.echo(f"{len(taken.counts):,} forms in {taken.lines:,} lines: {taken.write(WorkFolder(work))}")


@click.command()
@_work_option
@click.option("--order", default=NgramConfig.order, help=attribute_docs(NgramConfig)["order"])
@click.option("--parts", default=1, help="Parts that the words are divided into, each for a call of reduce.")
def freeze(work: Path, order: int, parts: int) -> None:
    """Make the tokenizer of all shards, as one process would, and the plan of counting.

    What was mapped and reduced by an earlier plan is refused by later steps.
    """
    with without_gc():
        from models.recipes.map_reduce.plan import freeze as make_plan
        from models.recipes.map_reduce.work_folder import WorkFolder

    plan = make_plan(WorkFolder(work), order, parts)
    click.echo(
        f"{len(plan.shards):,} shards, {plan.vocabulary_size:,} words in {parts:,} parts: {WorkFolder(work).plan}"
    )


@click.command(name="map")
@_shard_argument
@_work_option
@_memory_options
@threads_option
def map_command(shard: Path, work: Path, memory: int | None, scratch: Path | None, threads: int) -> None:
    """Count the n-grams of SHARD, which is as it was for its census; write a file for each part."""
    with without_gc():
        from models.recipes.map_reduce.steps import map_shard
        from models.recipes.map_reduce.work_folder import WorkFolder

    set_thread_count(threads)
    sizes = map_shard(WorkFolder(work), shard, memory, scratch)
    click.echo(f"{sizes.token_count:,} tokens: {WorkFolder(work).mapped(shard.name, 1).parent}")


@click.command()
@_work_option
@click.option("--part", required=True, metavar="I/N", help="Which part, from 1, of how many: as 3/8.")
@_memory_options
@threads_option
def reduce(work: Path, part: str, memory: int | None, scratch: Path | None, threads: int) -> None:
    """Add the counts of the n-grams that begin with a part of the words, when all shards are mapped."""
    with without_gc():
        from models.recipes.map_reduce.steps import reduce_part
        from models.recipes.map_reduce.work_folder import WorkFolder

    number, parts = _parse_part(part)
    set_thread_count(threads)
    counts = reduce_part(WorkFolder(work), number, parts, memory, scratch)
    click.echo(f"{counts.ngram_count:,} n-grams: {WorkFolder(work).reduced(number)}")


def _parse_part(part: str) -> tuple[int, int]:
    """Return number and count of "3/8". Raises InvalidInput for anything else."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", part, re.ASCII)
    if match is None:
        raise InvalidInput("part", "must be a number from 1 and how many there are, as 3/8")
    return int(match[1]), int(match[2])


@click.command(name="pack")
@_work_option
@click.option("--name", required=True, help=_DOCS["name"])
@dataclass_options(NgramConfig, skip=["order"])
@click.option("--licence", default="unknown", help=_DOCS["licence"])
@_memory_options
@publishing_options
@click.pass_obj
def pack_command(
    arguments: list[str],
    /,
    work: Path,
    name: str,
    licence: str,
    memory: int | None,
    scratch: Path | None,
    checkpoints: Path,
    threads: int,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Publish the model of all parts.

    It is that of `nextword train --validation-fraction 0` on all shards, bit for bit. It is estimated on this machine,
    within --memory for all smoothings but mle, add_delta and jelinek_mercer.
    """
    with without_gc():
        from models.checkpoint.save import save
        from models.recipes.map_reduce.packing import pack
        from models.recipes.map_reduce.plan import Plan
        from models.recipes.map_reduce.work_folder import WorkFolder

    set_thread_count(threads)
    folder = WorkFolder(work)
    fields = given_options(NgramConfig, values) | {"order": Plan.read(folder).order}
    config = parse_config(NgramConfig, fields)
    packed = drive(pack(folder, name, config, memory, scratch, licence), ProgressBar(quiet))
    provenance = packed.provenance(shlex.join(["nextword", *arguments]))
    ref = save(checkpoints, name, packed.model, packed.tokenizer, provenance)
    print_published(ref, packed.model.kind, packed.metrics, as_json)


STEPS = (census, freeze, map_command, reduce, pack_command)
"""The steps in their order."""
