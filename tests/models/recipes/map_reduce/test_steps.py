"""Counting of a shard and of a part: the same bytes when done again, and errors that name the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import InvalidInput
from models.recipes.map_reduce.plan import Plan, freeze
from models.recipes.map_reduce.range_files import Origin, read_range
from models.recipes.map_reduce.steps import map_shard, reduce_part
from models.recipes.map_reduce.work_folder import WorkFolder


def test_steps_done_again_write_the_same_bytes(work: WorkFolder) -> None:
    files = [path for path in work.root.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    freeze(work, 3, 2)
    for number in range(3):
        map_shard(work, work.root.parent / f"shard-{number}.txt")
    for part in (1, 2):
        reduce_part(work, part, 2)
    assert {path: path.read_bytes() for path in work.root.rglob("*") if path.is_file()} == before


def test_map_shard_refuses_a_shard_that_was_altered(work: WorkFolder) -> None:
    shard = work.root.parent / "shard-1.txt"
    shard.write_text("the dog ran away\n")
    with pytest.raises(InvalidInput, match=r"shard-1.txt was altered after its census"):
        map_shard(work, shard)


def test_map_shard_refuses_a_shard_without_census(work: WorkFolder, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("the dog\n")
    with pytest.raises(InvalidInput, match=r"new.txt is not: take its census"):
        map_shard(work, tmp_path / "new.txt")
    with pytest.raises(InvalidInput, match=r"none.txt cannot be read"):
        map_shard(work, tmp_path / "none.txt")


def test_map_shard_refuses_an_altered_tokenizer(work: WorkFolder) -> None:
    work.tokenizer.write_text(work.tokenizer.read_text().replace("dog", "fox"))
    with pytest.raises(InvalidInput, match=r"tokenizer.json is damaged or was altered"):
        map_shard(work, work.root.parent / "shard-1.txt")


def test_reduce_part_adds_the_counts_of_all_shards(work: WorkFolder) -> None:
    plan = Plan.read(work)
    words, size = plan.words(1), plan.vocabulary_size
    counts, sizes = read_range(work.reduced(1), Origin(plan.id, 1), words, 3, size, "")
    assert sizes.token_count == 27  # 20 words, 6 ends of lines, one of which is that of an empty line
    assert counts.unigrams[1] == 6  # </s>
    assert counts.levels[0].occurrences[:2].tolist() == [1, 4]  # </s> </s> of the empty line, </s> the


def test_reduce_part_names_the_shard_that_is_missing(work: WorkFolder) -> None:
    work.mapped("shard-2.txt", 1).unlink()
    with pytest.raises(InvalidInput, match=r"map/shard-2.txt/1.safetensors is missing: run `nextword counts map` of"):
        reduce_part(work, 1, 2)


def test_reduce_part_refuses_counts_of_another_plan(work: WorkFolder) -> None:
    freeze(work, 3, 3)
    with pytest.raises(InvalidInput, match=r"shard-0.txt/1.safetensors was made by another plan"):
        reduce_part(work, 1, 3)


@pytest.mark.parametrize(("part", "parts"), [(0, 2), (3, 2), (1, 3)])
def test_reduce_part_refuses_a_part_that_there_is_not(work: WorkFolder, part: int, parts: int) -> None:
    with pytest.raises(InvalidInput, match="part"):
        reduce_part(work, part, parts)


def test_reduce_part_refuses_bytes_that_were_altered(work: WorkFolder) -> None:
    path = work.mapped("shard-2.txt", 1)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=r"shard-2.txt/1.safetensors is damaged or was altered"):
        reduce_part(work, 1, 2)
