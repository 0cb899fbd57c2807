"""Tuning of the process: what it leaves behind for libraries that are imported later."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.process_tuning import link_readonly_numba_cache


def test_link_readonly_numba_cache_leaves_a_folder_that_can_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    link_readonly_numba_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path)


def test_link_readonly_numba_cache_has_all_files_and_leaves_the_originals_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kernels").mkdir()
    original = tmp_path / "kernels" / "jit.nbi"
    original.write_bytes(b"index")
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setenv("NUMBA_CACHE_DIR", tmp_path.name)  # links must not depend on where they are read from
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write to every folder
    link_readonly_numba_cache()
    linked = Path(os.environ["NUMBA_CACHE_DIR"], "kernels", "jit.nbi")
    assert linked.read_bytes() == b"index"
    replacement = linked.with_name("new")
    replacement.write_bytes(b"another")
    replacement.replace(linked)  # as Numba writes its files
    assert linked.read_bytes() == b"another"
    assert original.read_bytes() == b"index"
