"""Findings about an installation: a sound one, and each thing that may be wrong, with its remedy."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from app.cli import diagnosis
from app.cli.diagnosis import Finding, diagnose
from app.cli.main import run
from app.core.api_keys import KeyLimits
from app.core.settings import Settings
from app.storage.database import sqlite_url
from app.stores import Stores
from tests.helpers.databases import make_newer
from tests.helpers.serving import ngram, publish


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    sound = Settings(checkpoints=tmp_path / "checkpoints", data=tmp_path / "data", port=0)
    publish(sound.checkpoints, "cats", ngram())
    stores = Stores.open(sound)
    stores.prepare()
    stores.database.close()
    return sound


def found(settings: Settings, **changes: object) -> dict[str, Finding]:
    """Return the worst finding of each check."""
    worst: dict[str, Finding] = {}
    for finding in diagnose(settings.model_copy(update=changes)):
        if finding.check not in worst or worst[finding.check].level == "ok":
            worst[finding.check] = finding
    return worst


def test_diagnose_finds_nothing_in_a_sound_installation(settings: Settings) -> None:
    findings = found(settings)
    assert {name for name, finding in findings.items() if finding.level != "ok"} == set()
    assert set(findings) == {
        "processor", "clock", "data folder", "disk", "temporary folder", "database", "checkpoints", "access", "port"
    }  # fmt: skip


def test_diagnose_names_an_altered_model(settings: Settings) -> None:
    weights = settings.checkpoints / "cats" / "1" / "weights.safetensors"
    weights.chmod(0o644)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    finding = found(settings)["checkpoints"]
    assert finding.level == "error"
    assert finding.message.startswith("cats@1: ")


def test_diagnose_goes_on_behind_a_model_that_cannot_be_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(settings.checkpoints, "dogs", ngram())
    read = diagnosis.load

    def refuse_cats(path: Path) -> object:
        if path.parent.name == "cats":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(diagnosis, "load", refuse_cats)
    findings = [finding for finding in diagnose(settings) if finding.check == "checkpoints"]
    assert [finding.level for finding in findings] == ["error", "ok"]
    assert findings[0].message.startswith("cats@1: ")
    assert findings[1].message.startswith("1 of 2 ")


def test_diagnose_says_that_a_database_is_newer(settings: Settings) -> None:
    make_newer(sqlite_url(settings.data))
    finding = found(settings)["database"]
    assert (finding.level, "newer version" in finding.message) == ("error", True)


def test_diagnose_says_that_a_database_is_older(settings: Settings, tmp_path: Path) -> None:
    finding = found(settings, data=tmp_path / "new")["database"]
    assert (finding.level, "lacks" in finding.message) == ("warning", True)


def test_diagnose_says_that_the_database_does_not_answer(settings: Settings) -> None:
    finding = found(settings, database_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing")["database"]
    assert finding.level == "error"


def test_diagnose_says_that_the_port_is_taken(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        finding = found(settings, port=taken.getsockname()[1])["port"]
    assert (finding.level, "in use" in finding.message) == ("warning", True)


def test_diagnose_says_that_anyone_is_let_in(settings: Settings) -> None:
    assert found(settings, host="0.0.0.0", insecure=True)["access"].level == "warning"


def test_diagnose_says_that_the_server_would_not_start_without_a_key(settings: Settings) -> None:
    finding = found(settings, host="0.0.0.0")["access"]
    assert (finding.level, "there is no API key" in finding.message) == ("error", True)
    stores = Stores.open(settings)
    stores.keys.store.create("first", frozenset(["infer"]), KeyLimits())
    stores.database.close()
    assert found(settings, host="0.0.0.0")["access"].level == "ok"


def test_doctor_ends_with_status_1_where_something_is_wrong(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEXTWORD_DATA", str(settings.data))
    monkeypatch.setenv("NEXTWORD_PORT", "0")
    monkeypatch.setenv("NEXTWORD_CHECKPOINTS", str(settings.checkpoints))
    assert run(["doctor"]) == 0
    monkeypatch.setenv("NEXTWORD_CHECKPOINTS", str(settings.data / "nowhere"))
    assert run(["doctor"]) == 1
    assert "NEXTWORD_CHECKPOINTS" in capsys.readouterr().out
