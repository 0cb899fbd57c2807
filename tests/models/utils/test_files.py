"""Files: atomic writing, and arrays kept on disk.

Safetensors files: written arrays are mapped back, and other files are refused.
"""

from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from models.utils.files import (
    map_tensors,
    rename_durably,
    write_atomically,
    write_tensors,
)


def test_write_atomically_replaces_a_file_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text("old")
    with write_atomically(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".json")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_write_atomically_keeps_the_old_file_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text("old")

    def write_half() -> None:
        with write_atomically(path) as temporary:
            temporary.write_text("ne")
            raise ValueError("half written")

    with pytest.raises(ValueError, match="half"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_atomically_waits_for_the_disk_unless_a_file_need_not_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("models.utils.files.fsync_path", synced.append)
    for durable in (False, True):
        with write_atomically(tmp_path / "facts.json", durable=durable) as temporary:
            temporary.write_text(str(durable))
        assert (tmp_path / "facts.json").read_text() == str(durable)
        assert len(synced) == 2 * durable


def test_write_atomically_needs_something_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), write_atomically(tmp_path / "facts.json"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_rename_durably_does_not_replace_a_directory_that_holds_something(tmp_path: Path) -> None:
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    with pytest.raises(OSError, match="not empty"):
        rename_durably(tmp_path / "new", tmp_path / "old")
    rename_durably(tmp_path / "new", tmp_path / "newer")
    assert {path.name for path in tmp_path.iterdir()} == {"newer", "old"}


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


def test_write_tensors_writes_the_bytes_of_safetensors(tmp_path: Path) -> None:
    arrays = {name: np.arange(5).astype(name) for name in ("uint64", "int8", "bool", "float16", "int32", "float64")}
    for metadata in (None, {"facts": 'a "b"\n\u00e9'}):
        write_tensors({"odd": np.zeros(3, np.uint8), **arrays}, tmp_path / "ours", metadata)
        save_file({**arrays, "odd": np.zeros(3, np.uint8)}, tmp_path / "theirs", metadata)
        assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize("content", [b"", b"text", b"\x02\0\0\0\0\0\0\0{}trailing"])
def test_tensor_file_refuses_other_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(SafetensorError):
        map_tensors(path)
