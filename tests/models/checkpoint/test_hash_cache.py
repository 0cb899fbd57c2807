import os
from pathlib import Path

import pytest

from models.checkpoint.card import FileDigest
from models.checkpoint.hash_cache import VerifiedHashes
from models.errors import CheckpointDamaged


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "weights").write_bytes(b"12345")
    return tmp_path / "weights"


@pytest.fixture
def facts(file: Path) -> FileDigest:
    return FileDigest.of(file)


@pytest.fixture
def hashed(facts: FileDigest, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read to be hashed, as it happens."""
    files: list[Path] = []
    honest = FileDigest.of
    monkeypatch.setattr(FileDigest, "of", lambda path: files.append(path) or honest(path))
    return files


def test_hash_cache_hashes_a_file_once_for_the_next_process_too(file, facts, hashed, tmp_path):
    for _ in range(2):
        ledger = VerifiedHashes(tmp_path / "cache" / "verified.json")
        ledger.verify(file, facts)
        ledger.verify(file, facts)
    assert len(hashed) == 1


def test_hash_cache_without_a_path_remembers_in_memory(file, facts, hashed):
    for _ in range(2):
        ledger = VerifiedHashes()
        ledger.verify(file, facts)
        ledger.verify(file, facts)
    assert len(hashed) == 2


def test_hash_cache_knows_a_file_by_any_name(file, facts, hashed, monkeypatch):
    ledger = VerifiedHashes()
    ledger.verify(file, facts)
    monkeypatch.chdir(file.parent)
    ledger.verify(Path("weights"), facts)
    assert len(hashed) == 1


@pytest.mark.parametrize("content", [b"1234", b"123456", b""])
def test_hash_cache_finds_another_size_without_hashing(file, facts, hashed, content):
    file.write_bytes(content)
    with pytest.raises(CheckpointDamaged, match=r"weights: .*instead of 5"):
        VerifiedHashes().verify(file, facts)
    assert hashed == []


def test_hash_cache_hashes_a_changed_file_again(file, facts):
    ledger = VerifiedHashes()
    ledger.verify(file, facts)
    file.write_bytes(b"12346")
    os.utime(file, ns=(1, 1))  # no clock is too coarse to tell this from before
    with pytest.raises(CheckpointDamaged, match=r"weights: .*SHA-256"):
        ledger.verify(file, facts)


def test_hash_cache_never_remembers_damage_as_sound(file, facts, tmp_path):
    file.write_bytes(b"12346")
    for _ in range(2):
        with pytest.raises(CheckpointDamaged):
            VerifiedHashes(tmp_path / "verified.json").verify(file, facts)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 3}', "[" * 100_000])
def test_hash_cache_that_is_damaged_counts_as_empty(file, facts, hashed, tmp_path, content):
    (tmp_path / "verified.json").write_text(content)
    VerifiedHashes(tmp_path / "verified.json").verify(file, facts)
    assert len(hashed) == 1


def test_hash_cache_that_cannot_be_written_costs_only_time(file, facts, tmp_path):
    (tmp_path / "occupied").write_text("")
    VerifiedHashes(tmp_path / "occupied" / "verified.json").verify(file, facts)
