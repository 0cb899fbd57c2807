"""The snapshot of API keys: who is found in it, and when nobody needs one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.core.api_keys import ApiKey, KeyLimits
from app.core.exceptions import BadApiKey
from app.storage import key_ring
from app.storage.database import Database
from app.storage.key_file import read_key_file
from app.storage.key_ring import KeyRing
from app.storage.key_store import KeyStore
from models.errors import InvalidInput

INFER = frozenset(["infer"])
KEY = "a-secret-of-more-than-twenty-characters"


def test_key_ring_is_open_only_before_the_first_key(database: Database) -> None:
    ring = KeyRing(KeyStore(database), None, opens_without_keys=True)
    assert (ring.is_known, ring.is_open) == (False, False)  # nobody knows yet whether there are keys
    ring.refresh()
    assert (ring.is_known, ring.is_empty, ring.is_open) == (True, True, True)
    ring.store.create("ci", INFER, KeyLimits())
    ring.refresh()
    assert (ring.is_empty, ring.is_open) == (False, False)
    ring.store.revoke("ci")
    ring.refresh()
    assert not ring.is_open
    ring.store.forget("ci")
    ring.refresh()
    assert ring.is_open


def test_key_ring_stays_shut_without_keys_where_the_settings_say_so(database: Database) -> None:
    ring = KeyRing(KeyStore(database), None, opens_without_keys=False)
    ring.refresh()
    assert (ring.is_empty, ring.is_open) == (True, False)


def test_key_ring_stays_shut_where_a_file_has_no_key_any_more(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(KEY)
    ring = KeyRing(KeyStore(database), file, opens_without_keys=True)
    ring.refresh()
    file.write_text("")
    ring.refresh()
    assert (ring.is_empty, ring.is_open) == (True, False)


def test_key_ring_finds_valid_keys_only(database: Database) -> None:
    ring = KeyRing(KeyStore(database), None, opens_without_keys=True)
    valid, late = (ring.store.create(name, INFER, KeyLimits()) for name in ("valid", "late"))
    expired = ring.store.create("expired", INFER, KeyLimits(), time.time() - 1)
    ring.refresh()
    assert ring.find(valid).name == "valid"
    ring.store.revoke("late")
    assert ring.find(late).name == "late"
    ring.refresh()
    for key, message in ((late, "'late' was revoked"), (expired, "'expired' has expired"), (valid[:-1], "no such")):
        with pytest.raises(BadApiKey, match=message):
            ring.find(key)


def test_key_ring_reads_its_file_again_and_keeps_the_keys_while_it_is_broken(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    file.write_text(KEY)
    ring = KeyRing(KeyStore(database), file, opens_without_keys=True)
    ring.refresh()
    assert ring.find(KEY).name == "default"
    file.write_text("[a")
    with pytest.raises(InvalidInput):
        ring.refresh()
    assert ring.find(KEY).name == "default"
    file.write_text(KEY[::-1])
    ring.refresh()
    assert ring.find(KEY[::-1]).name == "default"
    with pytest.raises(BadApiKey):
        ring.find(KEY)


def test_key_ring_refuses_what_is_revoked_while_its_file_is_broken(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(KEY)
    ring = KeyRing(KeyStore(database), file, opens_without_keys=True)
    stored = ring.store.create("stored", INFER, KeyLimits())
    ring.refresh()
    file.write_text("[a")
    ring.store.revoke("stored")
    with pytest.raises(InvalidInput):
        ring.refresh()
    with pytest.raises(BadApiKey, match="'stored' was revoked"):
        ring.find(stored)
    assert ring.find(KEY).name == "default"


def test_key_ring_tells_the_number_of_keys_only_when_it_changes(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    file = tmp_path / "keys"
    file.write_text("".join(f'[{name}]\nkey = "{KEY}"\nscopes = ["infer"]\n' for name in ("one", "same")))
    ring = KeyRing(KeyStore(database), file, opens_without_keys=True)
    for _ in range(3):
        ring.refresh()
    assert "API keys now" not in caplog.text


def test_key_ring_reads_its_file_only_where_it_changed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, reads = tmp_path / "keys", []

    def read(path: Path) -> list[ApiKey]:
        reads.append(path)
        return read_key_file(path)

    monkeypatch.setattr(key_ring, "read_key_file", read)
    file.write_text(KEY)
    ring = KeyRing(KeyStore(database), file, opens_without_keys=True)
    for _ in range(3):
        ring.refresh()
    assert len(reads) == 1
    (tmp_path / "new").write_text(KEY[::-1])
    (tmp_path / "new").rename(file)  # as secrets are replaced
    ring.refresh()
    assert ring.find(KEY[::-1])
