"""Owner of a connection: the server process, of several that share a socket, that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

TRIES = 60
"""Connections until each of a few processes has answered one; a process that still starts accepts none."""


def are_ready(port: int, pids: Sequence[int]) -> bool:
    """Tell whether each of the processes that share a port has been asked and says that it is ready."""
    silent = set(pids)
    for _ in range(TRIES):
        status, pid = ask(port, pids)
        if status != 200:
            return False
        silent.discard(pid)
        if not silent:
            return True
    return False


def ask(port: int, pids: Sequence[int]) -> tuple[int, int]:
    """Return the status of an answer about readiness and the process that gave it, or zeros."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection, suppress(OSError, HTTPException):
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        answer.read()
        inode = _inode(port, connection.sock.getsockname()[1])  # while both sides keep the connection
        return answer.status, next((pid for pid in pids if _has_socket(pid, inode)), 0)
    return 0, 0


def _inode(port: int, client_port: int) -> str:
    """Return the inode of the server's side of a loopback connection, from Linux's `/proc/net/tcp`."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and fields[2].endswith(f":{client_port:04X}"):
            return fields[9]
    return ""


def _has_socket(pid: int, inode: str) -> bool:
    descriptors = Path(f"/proc/{pid}/fd")
    with suppress(OSError):
        for descriptor in descriptors.iterdir():
            with suppress(OSError):
                if str(descriptor.readlink()) == f"socket:[{inode}]":
                    return True
    return False
