"""Files of API keys: what is accepted, and messages that never tell a key."""

from __future__ import annotations

import math
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.api_keys import KeyLimits, digest_key
from app.storage.key_file import MAX_FILE_BYTES, read_key_file
from models.errors import InvalidInput

KEY = "a-secret-of-more-than-twenty-characters"


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "keys"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_key_file_reads_a_table_for_each_key(tmp_path: Path) -> None:
    hashed = digest_key("another").hex()
    text = f"""
    [search-box]
    key = "{KEY}"
    scopes = ["infer"]
    expires = 1970-01-02
    requests_per_minute = 600
    [ci]
    sha256 = "{hashed}"
    scopes = ["infer", "train"]
    """
    first, second = read_key_file(written(tmp_path, text))
    assert (first.name, first.digest, first.scopes) == ("search-box", digest_key(KEY), {"infer"})
    assert (first.expires_at, first.limits) == (86400.0, KeyLimits(requests_per_minute=600))
    assert (second.digest, second.expires_at) == (digest_key("another"), math.inf)


def test_key_file_of_one_line_is_one_key_with_every_scope(tmp_path: Path) -> None:
    (key,) = read_key_file(written(tmp_path, f"{KEY}\n"))
    assert (key.name, key.digest, key.scopes) == ("default", digest_key(KEY), {"infer", "train", "admin"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a = " + "[" * 5000, "not TOML: it is nested too deep"),
        (f"a = {'9' * 5000} # of many digits", "not TOML"),
        ("short", "default.key: must be a string of 20 or more characters"),
        (f"{KEY} {KEY}", "not TOML"),
        (f'[a]\nkey = "{KEY}"', "a.scopes: required"),
        (f'[a]\nkey = "{KEY}"\nscopes = []', "a.scopes: must hold at least 1"),
        (f'[a]\nkey = "{KEY}"\nscopes = ["root"]', "a.scopes.0: must be 'infer', 'train' or 'admin'"),
        (f'[a]\nkey = "{KEY}"\nscopes = ["infer"]\nrequests_per_minute = 0', "must be 1 or more"),
        (f'[a]\nkey = "{KEY}"\nscopes = ["infer"]\nrequests = 5', "a.requests: no such field"),
        (f'[a]\nkey = "{KEY}"\nsha256 = "{"0" * 64}"\nscopes = ["infer"]', "either `key` or `sha256`"),
        ('[a]\nscopes = ["infer"]', "either `key` or `sha256`"),
        (f'["a b"]\nkey = "{KEY}"\nscopes = ["infer"]', "'a b': must be 1 to 64 letters"),
        ('[a]\nsha256 = "12"\nscopes = ["infer"]', "a.sha256"),
        (b"\xff\xfe", "UTF-8"),
        (b"# " + b"x" * MAX_FILE_BYTES, "larger than"),
    ],
)
def test_key_file_says_what_is_wrong_and_tells_no_key(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match="api_keys_file") as caught:
        read_key_file(written(tmp_path, content))
    assert message in str(caught.value)
    assert KEY not in str(caught.value)


def test_key_file_that_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    kinds = {tmp_path: "a directory", tmp_path / "pipe": "a pipe", Path("/dev/zero"): "a device"}
    for path, kind in (kinds | {tmp_path / "absent": "No such file"}).items():
        with pytest.raises(InvalidInput, match=f"api_keys_file: the file cannot be read .{kind}"):
            read_key_file(path)


TOML_VALUES = st.sampled_from(
    ["1", "-1", "1e400", '"x"', "[]", "{}", "true", "12:00:00", "0001-01-01", "9999-12-31", f'"{KEY}"']
)
FIELDS = st.sampled_from(["key", "sha256", "scopes", "expires", "jobs", "stored_bytes", "other", '"a b"'])
TABLES = st.dictionaries(FIELDS, TOML_VALUES).map(lambda fields: "\n".join(f"{n} = {v}" for n, v in fields.items()))


@given(st.one_of(st.binary(max_size=200), TABLES.map(lambda table: f"[ci]\n{table}".encode())))
@settings(max_examples=200, deadline=None)
def test_key_file_of_anything_is_read_or_refused(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file, suppress(InvalidInput):
        Path(file.name).write_bytes(content)
        assert all(len(key.digest) == 32 for key in read_key_file(Path(file.name)))
