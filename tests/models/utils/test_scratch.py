"""Arrays on disk: kept out of memory, looked up by windows, and gone with the process."""

from pathlib import Path

import numpy as np
import pytest

from models.errors import InvalidInput
from models.utils.files import map_tensors, write_tensors
from models.utils.process_memory import resident_bytes
from models.utils.scratch import Scratch, gather, let_go_of, windows

MIB = 1 << 20


def test_scratch_leaves_no_file(tmp_path: Path) -> None:
    scratch = Scratch(1 << 40, tmp_path)
    zeros, growing = scratch.zeros(3, np.int64), scratch.growing(np.int32)
    zeros[1] = 7
    growing.append(np.array([1, 2]))
    growing.append(np.array([], np.int64))
    growing.append(np.array([3], np.int8))
    assert (zeros.dtype, zeros.tolist()) == (np.int64, [0, 7, 0])
    assert (growing.size, growing.finish().tolist()) == (3, [1, 2, 3])
    assert scratch.empty(0, np.int64).size == scratch.growing(np.int8).finish().size == 0
    assert list(tmp_path.iterdir()) == []


def test_trim_gives_memory_back_and_keeps_the_numbers(tmp_path: Path) -> None:
    scratch = Scratch(1, tmp_path)  # less than any process has: trimmed at every piece
    array = scratch.empty(16 * MIB, np.int64)
    before = resident_bytes(unknown=0)
    for part in scratch.slices(len(array), MIB):
        array[part] = part.start
    assert resident_bytes(unknown=0) < before + 32 * MIB
    assert array[:: 2 * MIB].tolist() == list(range(0, 16 * MIB, 2 * MIB))
    let_go_of(array[5:].view(np.int8))
    assert resident_bytes(unknown=0) < before + 16 * MIB


def test_trim_gives_back_files_that_are_watched(tmp_path: Path) -> None:
    write_tensors({"numbers": np.arange(8 * MIB)}, tmp_path / "file")
    numbers = map_tensors(tmp_path / "file")["numbers"]
    scratch, before = Scratch(1, tmp_path), resident_bytes(unknown=0)
    scratch.watch(numbers)
    assert numbers.sum(dtype=np.int64) == 4 * MIB * (8 * MIB - 1)
    assert resident_bytes(unknown=0) > before + 32 * MIB
    scratch.trim()
    assert resident_bytes(unknown=0) < before + 16 * MIB
    assert numbers[5] == 5


def test_room_below_the_least_is_refused_with_the_figure() -> None:
    with pytest.raises(InvalidInput, match=r"memory: must be [1-9]\d+ MiB or more for a test, or left out"):
        Scratch(MIB).room("a test")
    assert Scratch(1 << 40).require(MIB, "a test") < 1 << 40


@pytest.mark.parametrize("room", [64, 400, 1 << 20])
def test_gather_by_windows_equals_indexing(room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = Scratch(1 << 40, tmp_path)
    monkeypatch.setattr(scratch, "room", lambda _: room)
    source, rows = np.linspace(0, 1, 50), np.random.default_rng(1).integers(0, 50, 200)
    assert gather(source, rows, scratch).tolist() == source[rows].tolist()
    assert np.concatenate([window for _, window in windows(source, scratch)]).tolist() == source.tolist()
    assert gather(source, rows[:0], scratch).size == 0
