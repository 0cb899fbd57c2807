"""HostNames: the names by which a server is asked for, as the `Host` header of a request has them.

A web page can make its own name lead to 127.0.0.1 (DNS rebinding) and then read from a server there whatever that
server gives anybody. It cannot send another `Host` than the name it has. `origins` reads the setting that lists pages.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

ANY = "*"
"""Entry that accepts every name or origin."""
_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{0,5})?")
_ENTRY = re.compile(r"\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[a-z0-9._\[\]:-]+")


class HostNames:
    """Loopback names, and those of the settings.

    >>> names = HostNames(["models.example.org", "*.lan"])
    >>> [name in names for name in ("localhost", "[::1]", "models.example.org", "a.lan", "lan", "example.org")]
    [True, True, True, True, False, False]
    """

    def __init__(self, names: Iterable[str]) -> None:
        """`names` are in lower case; `*.example.org` stands for every name that ends so, `*` for every name."""
        self._names = frozenset(names)
        self._suffixes = tuple(name[1:] for name in self._names if name.startswith("*."))

    def __contains__(self, name: str) -> bool:
        known = ANY in self._names or name in self._names or name.endswith(self._suffixes)
        return known or is_loopback(name)


def is_loopback(name: str) -> bool:
    """Return whether a name always means the machine itself.

    >>> [is_loopback(name) for name in ("localhost", "app.localhost", "127.8.0.1", "[::1]", "localhost.example.org")]
    [True, True, True, True, False]
    """
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str | None:
    """Return the name in a `Host` header, in lower case and without port; None for what is no such header.

    >>> [host_name(host) for host in ("LocalHost:8000", "[::1]:80", "a.org.", "user@a.org", "")]
    ['localhost', '[::1]', 'a.org', None, None]
    """
    match = _HOST.fullmatch(host)
    return match["name"].lower().removesuffix(".") if match else None


def split_names(setting: str) -> list[str]:
    """Return the host names that a setting lists between commas, in lower case.

    Raises ValueError for an entry that is no name.
    """
    return list(_split(setting, _ENTRY, "host names without ports, as models.example.org, *.example.org, [fd00::1]"))


def split_origins(setting: str) -> list[str]:
    """Return the origins of pages that a setting lists between commas.

    Raises ValueError for an entry that is none.
    """
    return list(_split(setting, _ORIGIN, "origins without a path, as https://app.example.org, or *"))


def _split(setting: str, pattern: re.Pattern[str], accepted: str) -> Iterator[str]:
    for entry in filter(None, (part.strip().lower() for part in setting.split(","))):
        if not pattern.fullmatch(entry):
            raise ValueError(f"must list, between commas, {accepted}; {entry!r} is none")
        yield entry
