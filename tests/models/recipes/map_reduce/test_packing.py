"""The model of many shards against that of one process."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.ngram.config import NgramConfig
from models.recipes.build import BuiltModel, build
from models.recipes.map_reduce.packing import pack
from models.recipes.map_reduce.work_folder import WorkFolder
from models.recipes.recipe import Recipe
from models.utils.progress import run_to_completion
from models.utils.scratch import Scratch
from tests.helpers.estimation import SMOOTHINGS
from tests.models.recipes.map_reduce.conftest import READING, TEXTS, count_shards, estimate_in_rounds

LINES = st.lists(st.lists(st.sampled_from("abcd"), max_size=7).map(" ".join), max_size=6)
SHARDS = st.lists(LINES.map(lambda lines: "\n".join(["a", *lines, ""])), min_size=1, max_size=4)


def assert_equal_to_one_process(packed: BuiltModel, folder: Path) -> None:
    """Assert that the same files, read as one text, make the same model to the last bit."""
    files = tuple(sorted(folder.glob("shard-*.txt")))
    config = packed.recipe.model
    alone = run_to_completion(build(Recipe("x", files, config, READING.tokenizer, validation_fraction=0)))
    assert packed.tokenizer.vocabulary == alone.tokenizer.vocabulary
    assert packed.model.config() == alone.model.config()
    expected, tensors = alone.model.tensors(), packed.model.tensors()
    assert {name: array.tobytes() for name, array in tensors.items()} == {
        name: array.tobytes() for name, array in expected.items()
    }
    assert packed.corpus == alone.corpus
    sizes = {name: size for name, size in alone.metrics["training"].items() if name != "seconds"}
    assert packed.metrics["training"].items() >= sizes.items()


@settings(max_examples=8, deadline=None)
@given(SHARDS, st.integers(1, 4), st.integers(1, 5), st.sampled_from(SMOOTHINGS), st.booleans())
def test_pack_is_bit_equal_to_one_process(
    texts: list[str], order: int, parts: int, smoothing: str, is_pruned: bool
) -> None:
    prune = (0, 1) if is_pruned and order > 1 and smoothing not in ("mle", "add_delta") else ()
    config = NgramConfig(order, smoothing, prune=prune)  # type: ignore[arg-type]
    with TemporaryDirectory() as name:
        work = count_shards(Path(name), texts, order, parts)
        assert_equal_to_one_process(run_to_completion(pack(work, "x", config)), Path(name))
        if smoothing not in ("mle", "add_delta", "jelinek_mercer"):
            estimate_in_rounds(work, config)
            assert_equal_to_one_process(run_to_completion(pack(work, "x")), Path(name))


def test_pack_within_memory_is_bit_equal(tmp_path: Path) -> None:
    texts = ["\n".join(" ".join(str(i * j % 17) for j in range(k, k + 9)) for i in range(99)) for k in range(3)]
    work = count_shards(tmp_path, texts, 4, 3, memory=1 << 40)
    packed = run_to_completion(pack(work, "x", NgramConfig(4), 1 << 40, tmp_path))
    assert_equal_to_one_process(packed, tmp_path)
    estimate_in_rounds(work, NgramConfig(4), Scratch(1 << 40, tmp_path))
    assert_equal_to_one_process(run_to_completion(pack(work, "x", None, 1 << 40, tmp_path)), tmp_path)


def test_pack_names_the_part_that_was_not_estimated(work: WorkFolder) -> None:
    estimate_in_rounds(work, NgramConfig(3))
    work.estimated(3, 2).unlink()
    with pytest.raises(
        InvalidInput, match=r"estimate/3/2.safetensors is missing: run .* estimate --round 3 --part 2/2"
    ):
        run_to_completion(pack(work, "x"))


def test_pack_names_the_part_that_is_missing(work: WorkFolder) -> None:
    work.reduced(2).unlink()
    with pytest.raises(InvalidInput, match=r"reduce/2.safetensors is missing: run .*reduce --part 2/2"):
        run_to_completion(pack(work, "x", NgramConfig(3)))


def test_pack_refuses_another_order(work: WorkFolder) -> None:
    with pytest.raises(InvalidInput, match="order: must be 3"):
        run_to_completion(pack(work, "x", NgramConfig(2)))


def test_pack_tells_how_one_process_makes_the_model(work: WorkFolder) -> None:
    packed = run_to_completion(pack(work, "x", NgramConfig(3), licence="MIT"))
    provenance = packed.provenance("nextword counts pack")
    assert provenance.licence == "MIT"
    assert len(provenance.corpus) == len(TEXTS)
    assert provenance.recipe["validation_fraction"] == 0
