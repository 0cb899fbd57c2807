"""API keys: their scopes and limits, and how a new one is made and told from any other.

A key is 256 random bits, so a plain SHA-256 of it is as hard to undo as it is to guess the key. Slow hashes (bcrypt,
Argon2) protect passwords, which people choose from a few billion; here they would only cost every request milliseconds.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from models.errors import InvalidInput

Scope: TypeAlias = Literal["infer", "train", "admin"]
"""What a key lets its holder do; no scope includes another."""
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "nw_"
"""Beginning of every key that is made here, by which scanners of code find one that was committed."""
RANDOM_BYTES = 32
"""Random bytes of a new key: 256 bits, written in 43 characters."""
MIN_LENGTH = 20
"""Shortest key, in characters, that a file may hold: 20 random letters and digits have 119 bits."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Name of a key: printable ASCII, since logs show it."""
NAME_ACCEPTED = "must be 1 to 64 letters, digits, dots, hyphens or underscores, the first a letter or digit"


@dataclass(frozen=True)
class KeyLimits:
    """Limits of one key, over all server processes; None where there is no limit."""

    requests_per_minute: int | None = None
    """Requests that begin in one minute."""
    tokens_per_minute: int | None = None
    """Tokens read and written in one minute; what a request takes beyond is taken off the following minutes."""
    jobs: int | None = None
    """Jobs that wait or run at a time."""
    stored_bytes: int | None = None
    """Bytes of uploaded files."""


@dataclass(frozen=True)
class ApiKey:
    """An API key as the service knows it: everything but the key itself."""

    name: str
    """Name for logs and lists."""
    digest: bytes
    """SHA-256 of the key, 32 bytes."""
    scopes: frozenset[Scope]
    limits: KeyLimits = field(default_factory=KeyLimits)
    created_at: float | None = None
    """Seconds since 1970; None for a key of a file."""
    expires_at: float = math.inf
    """Seconds since 1970 from which on the key is refused."""
    revoked_at: float | None = None
    """Seconds since 1970; None while the key is not revoked."""


def generate_key() -> str:
    """Return a new random key."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def digest_key(key: str) -> bytes:
    """Return what is kept of a key.

    >>> digest_key("nw_example").hex()[:16]
    '38b7639dfd39bbe6'
    """
    return hashlib.sha256(key.encode()).digest()


def check_key_name(name: str) -> str:
    """Return the name of a key; raises InvalidInput."""
    if not NAME.fullmatch(name):
        raise InvalidInput("name", NAME_ACCEPTED)
    return name
