"""Private copies: made once, verified, read-only, and as good as the published file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from models.checkpoint import private_copies
from models.checkpoint.card import FileDigest
from models.checkpoint.hash_cache import VerifiedHashes
from models.checkpoint.private_copies import PrivateCopies, clone
from models.errors import CheckpointDamaged


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "weights").write_bytes(b"12345" * 1000)
    return tmp_path / "weights"


@pytest.fixture
def digest(file: Path) -> FileDigest:
    return FileDigest.of(file)


def opened(tmp_path: Path) -> PrivateCopies:
    return PrivateCopies(tmp_path / "copies", VerifiedHashes(tmp_path / "verified.json"))


@pytest.fixture
def cloned(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are copied, as it happens."""
    files: list[Path] = []
    monkeypatch.setattr(private_copies, "clone", lambda source, *rest: files.append(source) or clone(source, *rest))
    return files


def test_private_copy_has_the_bytes_and_is_made_once(tmp_path, file, digest, cloned) -> None:
    copy = opened(tmp_path).verify(file, digest)
    assert copy == opened(tmp_path).verify(file, digest) == tmp_path / "copies" / digest.sha256
    assert copy.read_bytes() == file.read_bytes()
    assert copy.stat().st_mode & 0o222 == 0
    assert cloned == [file]


def test_private_copy_is_made_once_by_many_at_the_same_time(tmp_path, file, digest, cloned) -> None:
    threads = [threading.Thread(target=opened(tmp_path).verify, args=(file, digest)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cloned == [file]


def test_private_copy_is_refused_once_the_published_file_is_altered(tmp_path, file, digest) -> None:
    copy = opened(tmp_path).verify(file, digest)
    file.write_bytes(b"54321" * 1000)
    with pytest.raises(CheckpointDamaged, match=r"weights: .*SHA-256"):
        opened(tmp_path).verify(file, digest)
    file.write_bytes(b"1")
    with pytest.raises(CheckpointDamaged, match=r"weights: 1 bytes instead of 5000"):
        opened(tmp_path).verify(file, digest)
    assert copy.read_bytes() == b"12345" * 1000


def test_private_copy_is_not_made_of_an_altered_file(tmp_path, file, digest) -> None:
    file.write_bytes(b"54321" * 1000)
    with pytest.raises(CheckpointDamaged, match=r"weights: .*SHA-256"):
        opened(tmp_path).verify(file, digest)
    assert [copy.name for copy in (tmp_path / "copies").iterdir()] == [".lock"]


@pytest.mark.parametrize("damage", [Path.unlink, lambda copy: os.truncate(copy, 3), lambda copy: os.truncate(copy, 0)])
def test_private_copy_that_is_damaged_is_made_again(tmp_path, file, digest, damage) -> None:
    copy = opened(tmp_path).verify(file, digest)
    copy.chmod(0o644)
    damage(copy)
    assert opened(tmp_path).verify(file, digest).read_bytes() == file.read_bytes()


def test_sweep_keeps_what_is_used_and_what_is_young(tmp_path, file, digest, monkeypatch) -> None:
    copies = opened(tmp_path)
    copy = copies.verify(file, digest)
    copies.sweep(set())
    assert copy.exists()
    monkeypatch.setattr(private_copies, "YOUNG_SECONDS", -1.0)
    copies.sweep({digest.sha256})
    assert copy.exists()
    copies.sweep(set())
    assert not copy.exists()


def test_clone_stops_at_the_size_that_a_file_shall_have(tmp_path, file) -> None:
    clone(file, tmp_path / "whole", 5000)
    with pytest.raises(OSError, match="longer than 4999 bytes"):
        clone(file, tmp_path / "short", 4999)
