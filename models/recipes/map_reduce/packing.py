"""The last step: `pack` makes the model of the counts of all parts."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.checkpoint.card import FileDigest, Provenance, to_jsonable
from models.errors import InvalidInput
from models.ngram.config import NgramConfig
from models.ngram.counting.counter import NgramCounter
from models.ngram.counting.first_words import join_ranges
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts, fallback_notes
from models.recipes.map_reduce.plan import Plan
from models.recipes.map_reduce.range_files import Origin, TextSizes, read_range
from models.recipes.map_reduce.work_folder import WorkFolder
from models.recipes.recipe import Recipe
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress


@dataclass(frozen=True)
class PackedModel:
    """Model of all parts, ready to be published."""

    recipe: Recipe
    """Recipe by which one process makes the same model."""
    model: NgramModel
    tokenizer: Tokenizer
    corpus: dict[str, FileDigest]
    metrics: dict[str, Any]

    def provenance(self, command: str) -> Provenance:
        """Return what the model's card tells of its making."""
        fields = to_jsonable(asdict(self.recipe))
        return Provenance(command, self.recipe.licence, self.corpus, fields, self.metrics)


def pack(
    work: WorkFolder,
    name: str,
    config: NgramConfig,
    memory: int | None = None,
    scratch_folder: Path | None = None,
    licence: str = "unknown",
) -> Generator[Progress, None, PackedModel]:
    """Estimate the model of `config` from the counts of all parts, within `memory` bytes.

    Raises InvalidInput where a part is missing or altered, the order is not that of the plan, or the smoothing cannot
    be done in that memory.
    """
    began, plan = time.monotonic(), Plan.read(work)
    if config.order != plan.order:
        raise InvalidInput("order", f"must be {plan.order}, as the plan has it, or be left out")
    files, reading = tuple(Path(shard.path) for shard in plan.shards), plan.reading
    recipe = Recipe(
        *(name, files, config, reading.tokenizer),
        validation_fraction=0,
        empty_lines=reading.empty_lines,
        encoding=reading.encoding,
        licence=licence,
        memory=memory,
    )
    tokenizer = plan.read_tokenizer(work)
    counter = NgramCounter.create(memory, scratch_folder)
    yield Progress("counting", 0, 0)
    parts, sizes = [], TextSizes()
    for part in range(1, plan.part_count + 1):
        hint = f"run `nextword counts reduce --part {part}/{plan.part_count}`"
        place = work.reduced(part), Origin(plan.id, part)
        counts, sizes = read_range(*place, plan.words(part), plan.order, plan.vocabulary_size, hint)
        parts.append(counts)
    joined = join_ranges(parts, sizes.token_count, counter.scratch)
    yield Progress("estimating", 0, 0)
    closed = tokenizer.config.closed
    table = estimate_from_counts(config, joined, closed=closed, scratch=counter.scratch)
    metrics: dict[str, Any] = {"training": {**asdict(sizes), "seconds": round(time.monotonic() - began, 1)}}
    if notes := fallback_notes(config, table):
        metrics["notes"] = notes
    digests = {shard.name: shard.digest for shard in plan.shards}
    return PackedModel(recipe, NgramModel(config, table), tokenizer, digests, metrics)
