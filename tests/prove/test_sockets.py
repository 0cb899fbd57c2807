"""Thousands of sockets that announce and do not send: all others are served, and they are ended."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.helpers.serving import get, idle, metrics, process, publish_all, wait_for

SOCKETS = int(os.environ.get("PROVE_SOCKETS", "6000"))
SECONDS = 8.0
"""Time after which heads and bodies that stand still are ended."""
HEAD = "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {type}\r\ncontent-length: {length}\r\n\r\n{body}"
ATTACKS = {
    "nothing": "",
    "half a head": "POST /v1/models/words/next HTTP/1.1\r\nhost: local",
    "8 MiB of JSON": HEAD.format(path="/v1/models/words/next", type="application/json", length=8 << 20, body="{"),
    "an upload": HEAD.format(path="/v1/files", type="text/plain", length=1 << 30, body="a"),
    "a form": HEAD.format(path="/v1/files", type="multipart/form-data; boundary=b", length=1 << 30, body="--b"),
    "a text": HEAD.format(path="/v1/models/lstm/perplexity", type="text/plain", length=1 << 20, body="a"),
    "records": HEAD.format(path="/v1/models/lstm/perplexity", type="application/x-ndjson", length=1 << 20, body="{"),
    "a job": HEAD.format(path="/v1/jobs", type="application/json", length=1000, body="{"),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """Process and address of a service."""
    folder = tmp_path_factory.mktemp("sockets")
    publish_all(folder / "models")
    patience = {"NEXTWORD_HEAD_SECONDS": str(SECONDS), "NEXTWORD_BODY_IDLE_SECONDS": str(SECONDS)}
    with process(folder / "models", folder / "data", **patience) as (server, url):
        wait_for(lambda: get(f"{url}/health/ready").status_code == 200)
        yield server.pid, url
        assert server.poll() is None


@contextmanager
def attacking(url: str, start: bytes, count: int) -> Iterator[list[socket.socket]]:
    host, port = url.removeprefix("http://").split(":")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + 1000)), hard))
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            attacker = stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
            with suppress(ConnectionError):  # the server may have made room already
                attacker.sendall(start)
            opened.append(attacker)
        yield opened


def descriptors(pid: int) -> tuple[int, int]:
    """Open ones, and the limit."""
    limits = Path(f"/proc/{pid}/limits").read_text().partition("Max open files")[2].split()
    return len(list(Path(f"/proc/{pid}/fd").iterdir())), int(limits[0])


def ask_everything(url: str) -> None:
    """A new connection for each: reads of the catalogue, work, a change."""
    for path in ("/health/ready", "/metrics", "/v1/models", "/v1/models/words", "/v1/files", "/v1/jobs", "/docs"):
        assert get(f"{url}{path}").status_code == 200
    for model, route, body in [
        ("words", "next", {"context": "the"}),
        ("lstm", "next", {"context": "the"}),
        ("lstm", "generate", {"max_tokens": 4}),
        ("words", "probability", {"text": "the cat"}),
        ("lstm", "perplexity", {"text": "the cat"}),
    ]:
        answer = httpx.post(f"{url}/v1/models/{model}/{route}", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
    text = {"content": b"the cat\n" * 1000, "headers": {"content-type": "text/plain"}}
    assert httpx.post(f"{url}/v1/files", timeout=60, **text).status_code == 201
    assert httpx.post(f"{url}/v1/models/lstm/perplexity", timeout=60, **text).status_code == 200


def is_ended(attacker: socket.socket) -> bool:
    attacker.setblocking(False)
    try:
        while attacker.recv(65536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.prove
@pytest.mark.parametrize("attack", ATTACKS)
def test_sockets_that_send_nothing_more_stop_nobody(service: tuple[int, str], attack: str) -> None:
    pid, url = service
    begun = time.monotonic()
    with attacking(url, ATTACKS[attack].encode(), SOCKETS) as attackers:
        opened = time.monotonic() - begun
        rounds, slowest = 0, 0.0
        while rounds < 3 or time.monotonic() < begun + opened + SECONDS / 2:
            asked = time.monotonic()
            ask_everything(url)
            rounds, slowest = rounds + 1, max(slowest, time.monotonic() - asked)
            used, limit = descriptors(pid)
            assert used < limit
        memory = metrics(url)["process_resident_memory_bytes"] / 1e6
        wait_for(lambda: all(is_ended(attacker) for attacker in attackers), seconds=4 * SECONDS, pause=0.2)
        print(
            f"{attack}: {SOCKETS} sockets in {opened:.1f} s, then 16 requests in {slowest:.2f} s at most; "
            f"{used} descriptors of {limit}, {memory:.0f} MB; all ended after {time.monotonic() - begun:.1f} s"
        )
    wait_for(lambda: idle(url))
