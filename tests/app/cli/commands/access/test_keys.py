"""`nextword keys` and what `nextword serve` says without a key."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from app.cli.commands.access.expiry import parse_expiry, show_time
from app.cli.main import run
from tests.helpers.command_line import Finished

DAY = 24 * 3600.0


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def call(*arguments: str) -> Finished:
        capsys.readouterr()
        status = run(["keys", *arguments, "--data", str(tmp_path)])
        return Finished(status, *capsys.readouterr())

    return call


def test_keys_create_prints_the_key_alone_and_list_never(keys) -> None:
    made = keys("create", "ci", "--scope", "train", "--scope", "infer", "--expires", "2d", "--jobs", "3")
    key = made.out.strip()
    assert made.status == 0
    assert key.startswith("nw_")
    assert "opens infer train" in made.err
    listed = keys("list", "--json")
    assert key not in listed.out
    (entry,) = json.loads(listed.out)["data"]
    assert abs(entry.pop("expires_at") - (time.time() + 2 * DAY)) < 100
    assert abs(entry.pop("created_at") - time.time()) < 100
    limits = {"jobs": 3}
    assert entry == {
        "name": "ci",
        "scopes": ["infer", "train"],
        "state": "valid",
        "revoked_at": None,
        "limits": limits,
    }


def test_keys_revoke_keeps_a_line_and_forget_removes_it(keys) -> None:
    assert "no keys" in keys("list").err
    keys("create", "ci")
    assert keys("revoke", "ci").status == 0
    assert keys("list").out.splitlines()[1].split()[:3] == ["ci", "infer", "revoked"]
    assert keys("revoke", "ci").status == 1
    keys("revoke", "ci", "--forget")
    assert "no keys" in keys("list").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "a b"), "name: must be 1 to 64 letters"),
        (("create", "a", "--scope", "root"), "--scope: must be one of 'infer', 'train', 'admin', not 'root'"),
        (("create", "a", "--jobs", "0"), "--jobs: must be 1 or more, not 0"),
        (("create", "a", "--expires", "yesterday"), "'yesterday' is not a moment to come, as 90d, 12h or 2030-12-31"),
        (("create", "a", "--expires", "2001-01-01"), "not a moment to come"),
    ],
)
def test_keys_create_says_what_is_accepted(keys, arguments: tuple[str, ...], message: str) -> None:
    done = keys(*arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_keys_list_shows_those_of_the_file(keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("a-secret-of-more-than-twenty-characters")
    monkeypatch.setenv("NEXTWORD_API_KEYS_FILE", str(file))
    assert keys("list").out.splitlines()[1].split() == [
        "default",
        "infer",
        "train",
        "admin",
        "valid",
        "in",
        "a",
        "file",
    ]


def test_parse_expiry_of_spans_and_dates() -> None:
    assert parse_expiry("36h", 0.0) == 1.5 * DAY
    assert parse_expiry("1970-01-02T12:00+12:00", 0.0) == DAY
    assert [parse_expiry(text, 0.0) for text in ("0x", "0d", "000h", "-1d", "d", "", "99999999d")] == [None] * 7
    assert [parse_expiry(text, 0.0) for text in ("1969-12-31", "1970-01-01")] == [None] * 2
    assert parse_expiry("010d", 0.0) == 10 * DAY
    assert show_time(None) == ""


def serve_status(capsys: pytest.CaptureFixture[str], data: Path, *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    status = run(["serve", "--no-worker", "--port", "0", "--data", str(data), *arguments])
    return status, capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "some-name"])
def test_serve_without_a_key_refuses_other_machines_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    status, err = serve_status(capsys, tmp_path, "--host", host)
    assert status == 2
    assert err.count("\n") == 1
    assert "nextword keys create NAME" in err
    assert "NEXTWORD_INSECURE=1" in err


def test_serve_with_a_bad_file_of_keys_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTWORD_API_KEYS_FILE", str(tmp_path / "absent"))
    status, err = serve_status(capsys, tmp_path)
    assert (status, err) == (2, "nextword: api_keys_file: the file cannot be read (No such file or directory)\n")
