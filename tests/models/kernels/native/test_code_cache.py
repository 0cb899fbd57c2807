"""Files of machine code: found again, renewed with the function, not trusted when damaged."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.kernels.native import code_cache
from models.kernels.native.code_cache import describe, fetch
from models.kernels.native.machine_code import ITSELF, MachineCode, Relocation

CODE = MachineCode(b"\x01\x02\n\x03", [Relocation(1, ITSELF, 2), Relocation(2, "malloc", 0)], 1)


def double():
    """A function to be compiled."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(code_cache, "_folder", lambda: tmp_path)
    return tmp_path


def found(fingerprint: str = "a", made: MachineCode | None = CODE) -> tuple[MachineCode | None, bool]:
    """Return what is fetched, and whether it had to be built."""
    built = []
    code = fetch(double, "(int)", lambda: fingerprint, lambda: built.append(1) or made)
    return code, bool(built)


def test_fetch_builds_once(folder):
    assert found() == (CODE, True)
    assert found() == (CODE, False)


def test_fetch_writes_files_that_other_users_may_read(folder):
    for mask in (0o022, 0o002, 0):
        before = os.umask(mask)
        try:
            found(f"{mask}")
        finally:
            os.umask(before)
        (file,) = folder.iterdir()
        assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_fetch_uses_no_file_that_others_may_write_to(folder, mode, caplog):
    found()
    (file,) = folder.iterdir()
    file.chmod(mode)
    assert found() == (CODE, True)
    assert f"{file} is not used" in caplog.text
    assert found() == (CODE, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_fetch_uses_no_file_of_another_user(folder):
    found()
    (file,) = folder.iterdir()
    os.chown(file, 12345, -1)
    assert found() == (CODE, True)


def test_fetch_follows_no_link(folder, tmp_path_factory):
    found()
    (file,) = folder.iterdir()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "code"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert found() == (CODE, True)
    assert not file.is_symlink()


def test_fetch_takes_no_file_for_another(folder):
    found("a")
    (file,) = folder.iterdir()
    content = file.read_bytes()
    found("b")
    (file,) = folder.iterdir()
    file.write_bytes(content)
    assert found("b") == (CODE, True)


def test_fetch_replaces_the_file_of_a_function_that_has_changed(folder):
    found("a")
    assert found("b") == (CODE, True)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"nonsense", b"[1]\nx"])
def test_fetch_builds_anew_where_the_file_is_damaged(folder, damage):
    found()
    (file,) = folder.iterdir()
    file.write_bytes(damage)
    assert found() == (CODE, True)
    whole = file.read_bytes()
    for other in (whole[:-1] + b"?", whole.replace(b'[1, "", 2]', b'[9, "", 2]'), whole.replace(b": 1,", b": 2,")):
        assert other != whole
        file.write_bytes(other)
        assert found() == (CODE, True)


def test_fetch_keeps_nothing_in_a_folder_that_cannot_be_written_to(folder, monkeypatch):
    monkeypatch.setattr(code_cache, "_folder", lambda: folder / "file" / "inside")
    (folder / "file").touch()
    assert found() == (CODE, True)
    assert found() == (CODE, True)


def test_fetch_of_what_cannot_be_compiled_is_none(folder):
    assert found(made=None) == (None, True)
    assert list(folder.iterdir()) == []


def test_folder_without_a_home_is_one_that_cannot_exist(monkeypatch):
    def refuse():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert code_cache._folder.__wrapped__() == Path.home() / ".cache" / "nextword"
    monkeypatch.setattr(Path, "home", refuse)
    folder = code_cache._folder.__wrapped__()
    monkeypatch.setattr(code_cache, "_folder", lambda: folder)
    assert found() == (CODE, True)


def test_maker_is_another_with_another_numba(monkeypatch):
    maker = code_cache._maker.__wrapped__
    before = maker()
    assert "0." in code_cache._version_text("numba")
    assert code_cache._version_text("no_such_package") == ""
    monkeypatch.setattr(code_cache, "_version_text", lambda package: f"{package} of tomorrow")
    assert maker() != before


def test_describe_tells_types_apart():
    arrays = [np.zeros(2), np.zeros(2, np.float32), np.zeros((2, 2)), np.zeros(2, [("a", np.int64)])]
    values = [*arrays, 1, 1.0, True, None, np.int32(1), (1, 2), (1, 2.0), ()]
    assert len({describe(value) for value in values}) == len(values)


@pytest.mark.parametrize("value", [np.zeros(4)[::2], np.zeros(2, ">i8"), "text", [1], (1, "text"), np.ma.zeros(2)])
def test_describe_is_none_for_what_machine_code_does_not_take(value):
    assert describe(value) is None


def test_loops_in_files_are_run_without_numba(tmp_path):
    program = (
        "import sys; import numpy as np; from models.kernels.best import best_of_rows\n"
        "print(best_of_rows(np.array([[1, 3, 2]], np.float32), 1)[1].item(), 'numba' in sys.modules)"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def printed() -> str:
        return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True).stdout

    assert printed() == b"1 True\n"
    assert printed() == b"1 False\n"
    assert all(file.suffix == ".loop" for file in Path(tmp_path).iterdir())
