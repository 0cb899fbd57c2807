"""Reading of regular files alone: a pipe or a device is refused before it can make anyone wait."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from models.utils.regular_files import check_regular, open_regular, read_regular


def test_open_regular_reads_a_file_and_a_link_to_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with open_regular(tmp_path / name) as file:
            assert file.read() == b"12345"
    assert read_regular(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(tmp_path / "file", 4)


@pytest.mark.parametrize("kind", ["a directory", "a pipe", "a socket", "a device"])
def test_open_regular_refuses_what_is_no_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd"
    with socket.socket(socket.AF_UNIX) as listener:
        match kind:
            case "a directory":
                path.mkdir()
            case "a pipe":
                os.mkfifo(path)
            case "a socket":
                listener.bind(str(path))
            case "a device":
                path.symlink_to("/dev/zero")
        for reading in (check_regular, open_regular, lambda odd: read_regular(odd, 10)):
            with pytest.raises(OSError, match=f"{kind}, not a file"):
                reading(path)


def test_open_regular_tells_of_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nothing")
