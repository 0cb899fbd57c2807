"""Steps of a count, taken in one process, for tests of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from models.ngram.config import NgramConfig
from models.recipes.map_reduce.census import Reading, take_census
from models.recipes.map_reduce.estimation import Estimation
from models.recipes.map_reduce.plan import Plan, freeze
from models.recipes.map_reduce.rounds import estimate_part
from models.recipes.map_reduce.steps import map_shard, reduce_part
from models.recipes.map_reduce.work_folder import WorkFolder
from models.tokenization.config import TokenizerConfig
from models.utils.scratch import Scratch

READING = Reading(TokenizerConfig(pretokenized=True))
TEXTS = ("the cat sat\nthe dog sat on the mat\n", "the dog ran\n\nthe cat ran\n", "a dog sat on a cat\n")


def count_shards(folder: Path, texts: Sequence[str], order: int, parts: int, memory: int | None = None) -> WorkFolder:
    """Write texts as shards into a folder and take all steps up to the last."""
    work, shards = WorkFolder(folder / "work"), []
    for number, text in enumerate(texts):
        shards.append(folder / f"shard-{number}.txt")
        shards[-1].write_text(text)
        take_census(shards[-1], READING).write(work)
    freeze(work, order, parts)
    for shard in shards:
        map_shard(work, shard, memory, folder)
    for part in range(1, parts + 1):
        reduce_part(work, part, parts, memory, folder)
    return work


def estimate_in_rounds(work: WorkFolder, config: NgramConfig, scratch: Scratch | None = None) -> None:
    """Estimate all parts of a folder, round by round, each from files alone."""
    plan = Plan.read(work)
    for round_number in range(1, plan.order + 1):
        for part in range(1, plan.part_count + 1):
            estimate_part(Estimation(work, plan, config, scratch or Scratch()), round_number, part)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.utils.files.fsync_path", lambda path: None)


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    """Folder of the three TEXTS, counted to order 3 in two parts."""
    return count_shards(tmp_path, TEXTS, 3, 2)
