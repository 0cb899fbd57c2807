"""API keys of a file, such as a secret that a container is given: TOML, with a table for each key.

    [search-box]
    key = "..."                    # or sha256 = "...", its hash in hexadecimal
    scopes = ["infer"]
    expires = 2030-01-01
    requests_per_minute = 600

A file of one line that is no TOML is one key with every scope.
"""

from __future__ import annotations

import math
import tomllib
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from app.core.api_keys import MIN_LENGTH, NAME, NAME_ACCEPTED, SCOPES, ApiKey, KeyLimits, Scope, digest_key
from app.core.plain_messages import explain, locate
from models.errors import InvalidInput
from models.utils.regular_files import read_regular

MAX_FILE_BYTES = 1 << 20
"""Largest file of keys: some thousands of them."""
BARE_KEY_NAME = "default"
"""Name of the key of a file that holds nothing else."""
SETTING = "api_keys_file"

_Key = Annotated[str, StringConstraints(min_length=MIN_LENGTH, max_length=1024, pattern=r"^[!-~]+$")]
_Limit = Annotated[int, Field(ge=1, strict=True)]


class KeyEntry(BaseModel):
    """A key as a file describes it."""

    model_config = ConfigDict(extra="forbid")

    key: _Key | None = None
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")] | None = None
    scopes: Annotated[list[Scope], Field(min_length=1)]
    expires: datetime | date | None = None
    requests_per_minute: _Limit | None = None
    tokens_per_minute: _Limit | None = None
    jobs: _Limit | None = None
    stored_bytes: _Limit | None = None

    def api_key(self, name: str) -> ApiKey:
        """Return the key of this entry. Raises InvalidInput."""
        if not NAME.fullmatch(name):
            raise InvalidInput(SETTING, f"{name!r}: {NAME_ACCEPTED}")
        if (self.key is None) == (self.sha256 is None):
            raise InvalidInput(SETTING, f"[{name}] needs either `key` or `sha256`")
        digest = bytes.fromhex(self.sha256) if self.sha256 else digest_key(self.key or "")
        limits = KeyLimits(**{field: getattr(self, field) for field in KeyLimits.__dataclass_fields__})
        return ApiKey(name, digest, frozenset(self.scopes), limits, None, _seconds(self.expires))


_ENTRIES = TypeAdapter(dict[str, KeyEntry])


def read_key_file(path: Path) -> list[ApiKey]:
    """Return the keys of a file. Raises InvalidInput where it cannot be read or is not understood."""
    text = _read_text(path)
    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise InvalidInput(SETTING, "the file is not TOML: it is nested too deep") from None
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        if len(text.split()) != 1:
            raise InvalidInput(SETTING, f"the file is not TOML: {error}") from None
        content = {BARE_KEY_NAME: {"key": text.strip(), "scopes": list(SCOPES)}}
    try:
        entries = _ENTRIES.validate_python(content)
    except ValidationError as error:  # without its input, which holds keys
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidInput(SETTING, f"{locate(first['loc'])}: {explain(first)}") from None
    return [entry.api_key(name) for name, entry in entries.items()]


def _read_text(path: Path) -> str:
    try:
        return read_regular(path, MAX_FILE_BYTES).decode()
    except OSError as error:
        raise InvalidInput(SETTING, f"the file cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InvalidInput(SETTING, "the file is not in UTF-8") from None


def _seconds(expires: datetime | date | None) -> float:
    """Return a time in seconds since 1970: without a zone, of UTC; of a date alone, its beginning."""
    if expires is None:
        return math.inf
    moment = expires if isinstance(expires, datetime) else datetime.combine(expires, time())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
