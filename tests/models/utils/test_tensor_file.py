"""Safetensors files: written arrays are mapped back, and other files are refused."""

from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from models.utils.tensor_file import map_tensors, write_tensors


def test_tensor_file_maps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    arrays = {
        "odd": np.arange(3, dtype=np.uint8),
        "wide": np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3),
        "turned": np.arange(6).reshape(2, 3).T,
        "empty": np.empty((0, 4), np.int32),
    }
    write_tensors(arrays, path, {"facts": "{}"})
    mapped = map_tensors(path)
    assert set(mapped) == set(arrays)
    for name, array in arrays.items():
        assert (mapped[name].dtype, mapped[name].tolist()) == (array.dtype, array.tolist())
    mapped["odd"][0] = 9  # stays in this process
    assert map_tensors(path)["odd"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"text", b"\x02\0\0\0\0\0\0\0{}trailing"])
def test_tensor_file_refuses_other_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(SafetensorError):
        map_tensors(path)
