"""Training states on disk."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.errors import CheckpointDamaged, CheckpointNotFound
from models.neural.training import state_file

TENSORS = {"a": torch.tensor([1.5, -2.0]), "b": torch.arange(5, dtype=torch.uint8)}
FACTS = {"step": 3, "loss": 0.1 + 0.2, "best": None}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    state_file.write_state(tmp_path / "new" / "state", TENSORS, FACTS)
    tensors, facts = state_file.read_state(tmp_path / "new" / "state")
    assert facts == FACTS
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["state"]


def test_a_failed_write_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    state_file.write_state(path, TENSORS, FACTS)

    def full(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        state_file.write_state(path, {}, {"step": 4})
    assert state_file.read_state(path)[1] == FACTS
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def test_no_state_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFound, match="state"):
        state_file.read_state(tmp_path / "state")


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_truncated_state_is_damaged(tmp_path: Path, length: int) -> None:
    path = tmp_path / "state"
    state_file.write_state(path, TENSORS, FACTS)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointDamaged, match=str(path)):
        state_file.read_state(path)


def test_a_foreign_safetensors_file_is_damaged(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "state")
    with pytest.raises(CheckpointDamaged, match="not a complete"):
        state_file.read_state(tmp_path / "state")
