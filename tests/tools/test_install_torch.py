"""The index that torch is taken from, the line that says so, and the price of a silent index."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tools import install_torch

ROOT = Path(__file__).parents[2]
LISTING = '<a href="torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl">torch</a>'


@contextmanager
def index(page: str, delay: float = 0.0) -> Iterator[str]:
    """Serve an index on this machine that answers with `page` after `delay` seconds."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            over.wait(delay)
            self.send_response(200 if self.path == "/whl/cpu/torch/" else 404)
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/whl/cpu"
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def pip_calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record pip's commands on a Linux x86-64 machine without torch, where pip always succeeds."""
    calls: list[list[str]] = []

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(install_torch, "is_installed", lambda _: False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(install_torch, "LOCK", ROOT / "requirements.lock")
    return calls


def test_install_torch_takes_the_cpu_build_alone_where_its_index_answers(pip_calls, capsys):
    with index(LISTING) as url:
        assert install_torch.main(["--default", url]) == 0
    assert [call[-4:] for call in pip_calls] == [["--no-deps", "--index-url", url, "torch==2.13.0"]]
    assert capsys.readouterr().out == f"torch: 2.13.0, from {url}\n"


def test_install_torch_is_deterministic_given_the_same_answer(pip_calls):
    with index(LISTING) as url:
        install_torch.main(["--default", url])
        install_torch.main(["--default", url])
    assert pip_calls[0] == pip_calls[1]


@pytest.mark.parametrize(
    "page", ["", '<a href="torch-2.12.0%2Bcpu-cp311.whl">', '<a href="torch-2.13.0%2Bcu130-cp311.whl">']
)
def test_install_torch_falls_back_with_a_line_where_the_index_has_no_such_build(pip_calls, capsys, page):
    with index(page) as url:
        assert install_torch.main(["--default", url]) == 0
    assert not pip_calls
    assert capsys.readouterr().out.startswith("torch: pip's own choice, which may bring GPU libraries")


def test_install_torch_falls_back_with_a_line_where_the_index_cannot_be_reached(pip_calls, capsys):
    with index(LISTING) as url:
        pass  # nobody listens there any more
    assert install_torch.main(["--default", url]) == 0
    assert not pip_calls
    assert capsys.readouterr().out == (
        f"torch: pip's own choice, which may bring GPU libraries: {url} cannot be reached\n"
    )


def test_install_torch_waits_a_few_seconds_at_most_for_an_index_that_does_not_answer():
    with index(LISTING, delay=30) as url:
        began = time.monotonic()
        assert not install_torch.offers(url, "2.13.0", seconds=0.3)
        assert time.monotonic() - began < 3


def test_install_torch_falls_back_where_the_index_has_no_build_for_this_python(pip_calls, capsys, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda command: subprocess.CompletedProcess(command, 1))
    with index(LISTING) as url:
        assert install_torch.main(["--default", url]) == 0
    assert "has no build for this Python" in capsys.readouterr().out


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "aarch64"), ("Windows", "AMD64")])
def test_install_torch_asks_no_index_elsewhere(pip_calls, capsys, monkeypatch, system, machine):
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(install_torch, "offers", lambda *_: pytest.fail("an index was asked"))
    assert install_torch.main(["--default", "https://example.org/whl/cpu"]) == 0
    assert not pip_calls
    assert capsys.readouterr().out.startswith("torch: pip's own choice")


def test_install_torch_asks_no_index_where_torch_is_installed(pip_calls, capsys, monkeypatch):
    monkeypatch.setattr(install_torch, "is_installed", lambda version: version == "2.13.0")
    monkeypatch.setattr(install_torch, "offers", lambda *_: pytest.fail("an index was asked"))
    assert install_torch.main(["--default", "https://example.org/whl/cpu"]) == 0
    assert not pip_calls
    assert capsys.readouterr().out.endswith("is installed\n")


def test_install_torch_obeys_an_index_that_is_named_and_reports_its_failure(pip_calls, monkeypatch):
    monkeypatch.setattr(install_torch, "offers", lambda *_: pytest.fail("an index was probed"))
    assert install_torch.main(["--index", "https://example.org/torch"]) == 0
    assert pip_calls[0][-2:] == ["https://example.org/torch", "torch==2.13.0"]
    monkeypatch.setattr(subprocess, "run", lambda command: subprocess.CompletedProcess(command, 1))
    assert install_torch.main(["--index", "https://example.org/torch"]) == 1


def test_install_torch_leaves_the_choice_to_pip_where_the_index_is_empty(pip_calls, capsys):
    assert install_torch.main(["--index", ""]) == 0
    assert not pip_calls
    assert capsys.readouterr().out == "torch: pip's own choice, as TORCH_INDEX says\n"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ([], "--default https://download.pytorch.org/whl/cpu"),
        (["TORCH_INDEX="], '--index ""'),
        (["TORCH_INDEX=https://example.org/torch"], '--index "https://example.org/torch"'),
    ],
)
def test_makefile_hands_torch_index_on(tmp_path, monkeypatch, variables, expected):
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    command = ["make", "--dry-run", "install", f"VENV={tmp_path}/venv", *variables]
    plan = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"tools/install_torch.py {expected}\n" in plan
    assert "--extra-index-url" not in plan
