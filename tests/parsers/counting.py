"""Parsers of the files that steps of counting hand on: censuses, plans, counts and estimates."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from safetensors import SafetensorError

from models.errors import NextwordError
from models.ngram.config import NgramConfig
from models.ngram.counting.first_words import join_ranges, sum_ranges
from models.recipes.map_reduce.census import Census, Reading, take_census
from models.recipes.map_reduce.estimation import Estimation
from models.recipes.map_reduce.packing import join_estimates
from models.recipes.map_reduce.plan import Plan, freeze
from models.recipes.map_reduce.range_files import Origin, read_range
from models.recipes.map_reduce.rounds import estimate_part
from models.recipes.map_reduce.steps import map_shard, reduce_part
from models.recipes.map_reduce.tensor_files import TensorFile, write_file
from models.recipes.map_reduce.work_folder import WorkFolder
from models.tokenization.config import TokenizerConfig
from models.utils.files import map_tensors
from models.utils.scratch import Scratch
from tests.helpers.serving import TEXT
from tests.parsers.parser import Parser, require

_CONFIG = NgramConfig(3)


def _work(folder: Path) -> WorkFolder:
    """Return a folder of one shard and one part, all of whose steps are taken."""
    shard, work = folder / "shard", WorkFolder(folder / "work")
    if not work.estimated(3, 1).exists():
        shutil.rmtree(work.root, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        shard.write_text(TEXT)
        take_census(shard, Reading(TokenizerConfig())).write(work)
        freeze(work, _CONFIG.order, 1)
        map_shard(work, shard)
        reduce_part(work, 1, 1)
        for round_number in (1, 2, 3):
            estimate_part(_estimation(work), round_number, 1)
    return work


def _estimation(work: WorkFolder) -> Estimation:
    return Estimation(work, Plan.read(work), _CONFIG, Scratch())


def _samples(name: str, folder: Path) -> list[bytes]:
    return [(_work(folder).root / name).read_bytes()]


def _read_plan(path: Path) -> None:
    plan = Plan.read(WorkFolder(path.parent))
    require(sum(len(plan.words(part)) for part in range(1, plan.part_count + 1)) == plan.vocabulary_size, "a gap")


def _read_counts(path: Path) -> None:
    """Sign the arrays again, so that their checks are met and not their hashes, and count on with them."""
    work = _work(path.parent / "counted")
    plan, forged = Plan.read(work), path.with_name("signed_anew")
    good = TensorFile.open(work.reduced(1), {}, "")
    write_file(map_tensors(path), good.metadata, forged)
    counts, _ = read_range(forged, Origin(plan.id, 1), plan.words(1), plan.order, plan.vocabulary_size, "")
    summed = sum_ranges([counts, counts], plan.words(1), plan.order, 1000, Scratch())
    require(summed.ngram_count == counts.ngram_count, "the sum with itself has other n-grams")
    join_ranges([summed], 1000, Scratch())


def _read_estimates(round_number: int, path: Path) -> None:
    """Sign the arrays of a round again, and go on with them."""
    work = _work(path.parent / "estimated")
    place = work.estimated(round_number, 1)
    good, metadata = place.read_bytes(), TensorFile.open(place, {}, "").metadata
    try:
        write_file(map_tensors(path), metadata, place)
        estimation = _estimation(work)
        if round_number == 1:
            estimate_part(estimation, 2, 1)
        table = join_estimates(estimation)
        require(table.vocabulary_size == estimation.plan.vocabulary_size, "a vocabulary of another size")
    finally:
        place.write_bytes(good)
        estimate_part(_estimation(work), 2, 1)


_REFUSALS = (NextwordError, SafetensorError)
PARSERS = [
    Parser(
        "census",
        "models.recipes.map_reduce.census",
        "work folder",
        "json",
        partial(_samples, "census/shard.json"),
        Census.read,
    ),
    Parser(
        *("plan of a count", "models.recipes.map_reduce.plan", "work folder", "json"),
        *(partial(_samples, "plan.json"), _read_plan, "plan.json"),
    ),
    Parser(
        *("counts of a part", "models.recipes.map_reduce.range_files", "work folder", "tensors"),
        *(partial(_samples, "reduce/1.safetensors"), _read_counts),
        refusals=_REFUSALS,
    ),
    *(
        Parser(
            *(f"estimates of round {number}", "models.recipes.map_reduce.rounds", "work folder", "tensors"),
            *(partial(_samples, f"estimate/{number}/1.safetensors"), partial(_read_estimates, number)),
            refusals=_REFUSALS,
        )
        for number in (1, 2)
    ),
]
