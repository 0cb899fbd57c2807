"""The last step: `pack` makes the model of the counts of all parts."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from models.errors import InvalidInput
from models.kernels.jit import Floats
from models.ngram.backoff_table import BackoffTable
from models.ngram.config import NgramConfig
from models.ngram.counting.counter import NgramCounter
from models.ngram.counting.first_words import join_ranges
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts, fallback_notes, safe_log
from models.ngram.trie_builder import UnpackedOrder
from models.ngram.trie_builder import pack as pack_orders
from models.recipes.build import BuiltModel
from models.recipes.map_reduce.estimation import Estimation, read_settings
from models.recipes.map_reduce.plan import Plan
from models.recipes.map_reduce.range_files import Origin, read_sizes
from models.recipes.map_reduce.work_folder import WorkFolder, altered
from models.recipes.recipe import Recipe
from models.utils.arrays import IntArray, are_offsets
from models.utils.progress import Progress


def pack(
    work: WorkFolder,
    name: str,
    config: NgramConfig | None = None,
    memory: int | None = None,
    scratch_folder: Path | None = None,
    licence: str = "unknown",
) -> Generator[Progress, None, BuiltModel]:
    """Make the model of all parts within `memory` bytes, estimated here by `config`, or by the parts.

    Raises InvalidInput where a part is missing or altered, the order is not that of the plan, or the smoothing cannot
    be done in that memory.
    """
    began, plan = time.monotonic(), Plan.read(work)
    counter = NgramCounter.create(memory, scratch_folder)
    estimation = Estimation(work, plan, config or read_settings(work), counter.scratch)
    if estimation.config.order != plan.order:
        raise InvalidInput("order", f"must be {plan.order}, as the plan has it, or be left out")
    tokenizer = plan.read_tokenizer(work)
    counter.check_vocabulary(tokenizer.vocabulary_size)
    yield Progress("estimating" if config else "packing", 0, 0)
    table = _table_of_counts(estimation, closed=tokenizer.config.closed) if config else join_estimates(estimation)
    sizes = read_sizes(work.reduced(1), Origin(plan.id, 1), "run `nextword counts reduce`")
    metrics: dict[str, Any] = {"training": {**asdict(sizes), "seconds": round(time.monotonic() - began, 1)}}
    if notes := fallback_notes(estimation.config, table):
        metrics["notes"] = notes
    digests = {shard.name: shard.digest for shard in plan.shards}
    recipe = _recipe(name, plan, estimation.config, memory, licence)
    return BuiltModel(recipe, NgramModel(estimation.config, table), tokenizer, digests, metrics)


def _recipe(name: str, plan: Plan, config: NgramConfig, memory: int | None, licence: str) -> Recipe:
    files, reading = tuple(Path(shard.path) for shard in plan.shards), plan.reading
    return Recipe(
        *(name, files, config, reading.tokenizer),
        validation_fraction=0,
        empty_lines=reading.empty_lines,
        encoding=reading.encoding,
        licence=licence,
        memory=memory,
    )


def _table_of_counts(estimation: Estimation, *, closed: bool) -> BackoffTable:
    """Estimate the table from the counts of all parts."""
    parts = [estimation.counts(part) for part in estimation.parts]
    tokens = sum(int(part.unigrams.sum(dtype=np.int64)) for part in parts)
    counts = join_ranges(parts, tokens, estimation.scratch)
    return estimate_from_counts(estimation.config, counts, closed=closed, scratch=estimation.scratch)


def join_estimates(estimation: Estimation) -> BackoffTable:
    """Pack the orders that all parts have estimated, one part after the other."""
    estimation.check()
    scratch, order = estimation.scratch, estimation.plan.order
    p = estimation.unigram_probabilities
    tokens: IntArray = np.arange(len(p))
    logprobs = safe_log(p, np.ones(len(p), np.bool_), scratch, most=0.0)
    orders = []
    for n in range(1, order):
        longer = _JoinedOrder.of(estimation, n + 1, len(tokens))
        # An n-gram that is kept is seen at least as often without its first word, and kept so too.
        orders.append(UnpackedOrder(tokens, logprobs, longer.begins, longer.backoff, True))
        tokens, logprobs = longer.token, longer.logprob
    none = UnpackedOrder(tokens, logprobs, np.zeros(0, np.int64), np.zeros(0, np.float32), True)
    return BackoffTable(pack_orders([*orders, none], scratch), estimation.rules.details)


class _JoinedOrder(NamedTuple):
    """Numbers of an order, of all parts, with the child offsets and weights of its contexts."""

    token: IntArray
    logprob: Floats
    begins: IntArray
    backoff: Floats

    @classmethod
    def of(cls, estimation: Estimation, n: int, context_count: int) -> _JoinedOrder:
        """Join what the parts have estimated. Raises InvalidInput where a part is missing or altered."""
        scratch = estimation.scratch
        token, logprob, backoff, begins = map(scratch.growing, (np.int64, np.float32, np.float32, np.int64))
        begins.append(np.zeros(1, np.int64))
        for part in estimation.parts:
            file = estimation.read(n, part)
            words = file.read_rows("token", estimation.plan.vocabulary_size)
            offsets = file.read("begins", np.signedinteger)
            if not len(offsets) or not are_offsets(offsets, len(words)):
                raise altered(file.path)
            for piece in scratch.slices(len(offsets) - 1):
                begins.append(offsets[1:][piece] + token.size)
            token.append(words)
            logprob.append(file.read("logprob", np.floating, len(words)))
            backoff.append(file.read("backoff", np.floating, len(offsets) - 1))
            scratch.trim()
        if backoff.size != context_count:
            raise InvalidInput("work", f"{estimation.work.estimated(n, 1).parent} does not fit the round before it")
        return cls(token.finish(), logprob.finish(), begins.finish(), backoff.finish())
