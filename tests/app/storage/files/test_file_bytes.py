"""Bytes of files on disk, and in a store that machines share."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from app.core.exceptions import DiskFull, StoreUnavailable
from app.storage.files.file_bytes import FileBytes, bring

SHA256 = "ab" * 32


class Away:
    """A store that does not answer."""

    def fetch(self, sha256: str, path: Path) -> None:
        path.write_bytes(b"half of i")
        raise StoreUnavailable("it is away")

    def delete(self, sha256: str) -> None:
        raise StoreUnavailable("it is away")


class Full:
    """A store that sends more than there is room for."""

    def fetch(self, sha256: str, path: Path) -> None:
        raise OSError(errno.ENOSPC, "no room")


def test_find_leaves_nothing_of_a_fetch_that_breaks_off(tmp_path: Path) -> None:
    for shared, error in ((Away(), StoreUnavailable), (Full(), DiskFull)):
        with pytest.raises(error):
            FileBytes(tmp_path, shared).find(SHA256)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_find_asks_no_store_for_what_is_here(tmp_path: Path) -> None:
    files = FileBytes(tmp_path, Away())
    files.write_missing(SHA256, b"text")
    assert files.find(SHA256).read_bytes() == b"text"
    assert list(files.hashes()) == [SHA256]


def test_remove_goes_on_where_the_store_does_not_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = FileBytes(tmp_path, Away())
    files.write_missing(SHA256, b"text")
    files.unshare(SHA256)
    files.remove(SHA256)
    assert not files.path(SHA256).exists()
    assert "a deleted file stays in the object store: it is away" in caplog.text


def test_bring_copies_to_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "another disk")

    (tmp_path / "source").write_bytes(b"text")
    monkeypatch.setattr(Path, "replace", refuse)
    bring(tmp_path / "source", tmp_path / "more" / "target")
    assert (tmp_path / "more" / "target").read_bytes() == b"text"
