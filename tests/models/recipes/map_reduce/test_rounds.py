"""Estimation in rounds: refusals, missing and altered files, the same bytes when done again."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import InvalidInput
from models.ngram.config import NgramConfig
from models.recipes.map_reduce.estimation import Estimation, read_settings
from models.recipes.map_reduce.plan import Plan
from models.recipes.map_reduce.rounds import estimate_part
from models.recipes.map_reduce.tensor_files import TensorFile, write_file
from models.recipes.map_reduce.work_folder import WorkFolder
from models.utils.scratch import Scratch
from tests.models.recipes.map_reduce.conftest import estimate_in_rounds


def _estimate(work: WorkFolder, config: NgramConfig, round_number: int, part: int = 1) -> None:
    estimate_part(Estimation(work, Plan.read(work), config, Scratch()), round_number, part)


def test_estimate_part_done_again_writes_the_same_bytes(work: WorkFolder) -> None:
    config = NgramConfig(3, "katz")
    estimate_in_rounds(work, config)
    before = {path: path.read_bytes() for path in work.root.glob("estimate/*/*")}
    assert len(before) == 6
    estimate_in_rounds(work, config)
    assert {path: path.read_bytes() for path in work.root.glob("estimate/*/*")} == before
    assert read_settings(work) == config


@pytest.mark.parametrize(
    ("config", "field"),
    [
        *((NgramConfig(3, smoothing), "smoothing") for smoothing in ("mle", "add_delta", "jelinek_mercer")),
        (NgramConfig(3, prune_entropy=1e-6), "prune_entropy"),
        (NgramConfig(3, bits=8), "bits"),
        (NgramConfig(2), "order: must be 3"),
    ],
    ids=str,
)
def test_estimate_part_refuses_what_cannot_be_divided(work: WorkFolder, config: NgramConfig, field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        _estimate(work, config, 1)


@pytest.mark.parametrize("round_number", [0, 4])
def test_estimate_part_refuses_a_round_that_there_is_not(work: WorkFolder, round_number: int) -> None:
    with pytest.raises(InvalidInput, match="round: must be from 1 to 3"):
        _estimate(work, NgramConfig(3), round_number)


def test_estimate_part_waits_for_no_part_but_names_its_file(work: WorkFolder) -> None:
    _estimate(work, NgramConfig(3), 1, part=1)
    with pytest.raises(InvalidInput, match=r"estimate/1/2.safetensors is missing: run .* --round 1 --part 2/2"):
        _estimate(work, NgramConfig(3), 2)


def test_estimate_part_refuses_a_round_of_other_settings(work: WorkFolder) -> None:
    estimate_in_rounds(work, NgramConfig(3))
    with pytest.raises(InvalidInput, match=r"estimate/1/1.safetensors was made by other settings"):
        _estimate(work, NgramConfig(3, "katz"), 2)


@pytest.mark.parametrize("position", [-1, 100])
def test_estimate_part_refuses_altered_bytes(work: WorkFolder, position: int) -> None:
    estimate_in_rounds(work, NgramConfig(3))
    path = work.estimated(1, 2)  # its last bytes are those of the tallies, or of the counts of words
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=r"estimate/1/2.safetensors (is damaged|was made by)"):
        _estimate(work, NgramConfig(3), 2, part=1)


@pytest.mark.parametrize("size", [1, -1])
def test_estimate_part_refuses_another_number_of_probabilities_than_it_needs(work: WorkFolder, size: int) -> None:
    estimate_in_rounds(work, NgramConfig(3))
    path = work.estimated(2, 2)
    file = TensorFile.open(path, {}, "")
    tensors = {name: array.copy() for name, array in file.tensors.items()}
    down = tensors["down.1"]
    tensors["down.1"] = np.append(down, 0.5) if size > 0 else down[:-1]
    write_file(tensors, file.metadata, path)
    with pytest.raises(InvalidInput, match=r"estimate/2/2.safetensors is damaged"):
        _estimate(work, NgramConfig(3), 3, part=1)
