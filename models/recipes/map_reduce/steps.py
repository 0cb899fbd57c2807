"""Steps that count n-grams: `map_shard` in a shard, `reduce_part` in all, for a part of the words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.checkpoint.card import FileDigest
from models.errors import InvalidInput
from models.ngram.counting.counter import NgramCounter
from models.ngram.counting.first_words import RangeCounts, cut_range, sum_ranges
from models.recipes.map_reduce.plan import Plan
from models.recipes.map_reduce.range_files import Origin, TextSizes, read_range, write_range
from models.recipes.map_reduce.work_folder import WorkFolder


def map_shard(work: WorkFolder, path: Path, memory: int | None = None, scratch_folder: Path | None = None) -> TextSizes:
    """Count the n-grams of a shard and write one file a part; return the sizes of its text.

    Within `memory` bytes, what does not fit lies in `scratch_folder`. Raises InvalidInput for a shard that is not in
    the plan or was altered, and what reading and counting raise.
    """
    plan = Plan.read(work)
    try:
        shard = plan.shard(path, FileDigest.of(path))
    except OSError as error:
        raise InvalidInput("shard", f"{path} cannot be read ({error.strerror})") from None
    tokenizer = plan.read_tokenizer(work)
    counter = NgramCounter.create(memory, scratch_folder)
    text = plan.reading.open(path, tokenizer.config).encode(tokenizer, counter.scratch)
    counts = counter.count(text.ids, plan.order, tokenizer.vocabulary_size)
    sizes = TextSizes(**text.sizes)
    for part in range(1, plan.part_count + 1):
        words = plan.words(part)
        own = cut_range(counts, words.start, words.stop, counter.scratch)
        write_range(own, sizes, Origin(plan.id, part, shard.name), work.mapped(shard.name, part))
    return sizes


def reduce_part(
    work: WorkFolder, part: int, parts: int, memory: int | None = None, scratch_folder: Path | None = None
) -> RangeCounts:
    """Add the counts of a part of the words in all shards; write and return them.

    Raises InvalidInput where the plan has other `parts`, or a file is missing or altered.
    """
    plan = Plan.read(work)
    plan.check_parts(parts)
    words = plan.words(part)
    counter = NgramCounter.create(memory, scratch_folder)
    sizes = [_read_mapped(work, plan, shard.name, part)[1] for shard in plan.shards]
    total = sum(sizes, TextSizes())

    def in_turn() -> Iterator[RangeCounts]:
        for shard in plan.shards:
            counts, _ = _read_mapped(work, plan, shard.name, part)
            counter.scratch.watch(counts.unigrams)
            yield counts

    counts = sum_ranges(in_turn(), words, plan.order, total.token_count, counter.scratch)
    write_range(counts, total, Origin(plan.id, part), work.reduced(part))
    return counts


def _read_mapped(work: WorkFolder, plan: Plan, shard: str, part: int) -> tuple[RangeCounts, TextSizes]:
    hint = f"run `nextword counts map` of {shard}"
    origin = Origin(plan.id, part, shard)
    return read_range(work.mapped(shard, part), origin, plan.words(part), plan.order, plan.vocabulary_size, hint)
