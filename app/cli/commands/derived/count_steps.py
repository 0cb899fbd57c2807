"""`nextword counts census | freeze | map | reduce | estimate | pack`: many files on many machines."""

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
_part_option = click.option("--part", required=True, metavar="I/N", help="Which part, from 1, of how many: as 3/8.")
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
@_part_option
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


@click.command()
@_work_option
@_part_option
@click.option("--round", "round_number", type=int, required=True, metavar="R", help="Round, from 1 to the order.")
@dataclass_options(NgramConfig, skip=["order"])
@_memory_options
@threads_option
def estimate(
    work: Path, part: str, round_number: int, memory: int | None, scratch: Path | None, threads: int, **values: Any
) -> None:
    """Estimate the n-grams that begin with a part of the words, for `pack --estimated`.

    A round begins when all parts are done with the one before; the settings are the same in all of them. Without these
    rounds, pack estimates on its own machine. mle, add_delta, jelinek_mercer, --prune-entropy, --bits and closed
    vocabularies need that.
    """
    with without_gc():
        from models.ngram.counting.counter import NgramCounter
        from models.recipes.map_reduce.estimation import Estimation
        from models.recipes.map_reduce.plan import Plan
        from models.recipes.map_reduce.rounds import estimate_part
        from models.recipes.map_reduce.work_folder import WorkFolder

    set_thread_count(threads)
    plan = Plan.read(WorkFolder(work))
    number, parts = _parse_part(part)
    plan.check_parts(parts)
    config = parse_config(NgramConfig, given_options(NgramConfig, values) | {"order": plan.order})
    room = NgramCounter.create(memory, scratch).scratch
    click.echo(str(estimate_part(Estimation(WorkFolder(work), plan, config, room), round_number, number)))


@click.command(name="pack")
@_work_option
@click.option("--name", required=True, help=_DOCS["name"])
@click.option("--estimated", is_flag=True, help="Join what estimate has made, with its settings.")
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
    estimated: bool,
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

    It is that of `nextword train --validation-fraction 0` on all shards, bit for bit. Without --estimated the settings
    are given here, and this machine estimates it.
    """
    with without_gc():
        from models.checkpoint.save import save
        from models.recipes.map_reduce.packing import pack
        from models.recipes.map_reduce.plan import Plan
        from models.recipes.map_reduce.work_folder import WorkFolder

    set_thread_count(threads)
    folder, fields = WorkFolder(work), given_options(NgramConfig, values)
    if estimated and fields:
        raise InvalidInput("estimated", f"has the settings of estimate: leave out {', '.join(fields)}")
    config = None if estimated else parse_config(NgramConfig, fields | {"order": Plan.read(folder).order})
    packed = drive(pack(folder, name, config, memory, scratch, licence), ProgressBar(quiet))
    provenance = packed.provenance(shlex.join(["nextword", *arguments]))
    ref = save(checkpoints, name, packed.model, packed.tokenizer, provenance)
    print_published(ref, packed.model.kind, packed.metrics, as_json)


STEPS = (census, freeze, map_command, reduce, estimate, pack_command)
"""The steps in their order."""
