"""The page behind a proxy that serves it below a path, and in front of several server processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.page.conftest import tab_on
from tests.helpers.serving import get, ngram, process, publish, recurrent, wait_for

NOT_PASSED_ON = frozenset(["connection", "content-length", "transfer-encoding", "content-encoding", "date", "server"])
NEXT = "#/next?model=words&text=the+old+"
STREAMS = "#/writing?model=lstm&prompt=the&max_tokens=12&seed=1&go=1"


@contextmanager
def proxy(target: str, prefix: str) -> Iterator[str]:
    """Pass on what comes below a path, without that path, as a proxy in front of several services does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(prefix):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            url = target + self.path.removeprefix(prefix)
            with httpx.stream(self.command, url, headers=headers, content=body, timeout=60) as answer:
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name not in NOT_PASSED_ON:
                        self.send_header(name, value)
                self.end_headers()
                for piece in answer.iter_bytes():
                    self.wfile.write(piece)

        do_POST = do_GET  # noqa: N815 -- the name is the base class's

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
        server.shutdown()


def test_page_works_below_a_path_of_a_proxy(browser: Browser, service: str, complaints: list[str]) -> None:
    with proxy(service, "/lm") as url, tab_on(browser, url, complaints) as tab:
        tab.goto(f"{url}/")
        expect(tab.locator(".models > li").first).to_be_visible()
        tab.goto(f"{url}/{NEXT}")
        expect(tab.locator("table.bars tbody tr")).to_have_count(10)
        tab.get_by_text("The same call with curl").click()
        expect(tab.locator("pre code")).to_contain_text(f"{url}/v1/models/words/next")
        tab.goto(f"{url}/{STREAMS}")
        expect(tab.locator(".word").first).to_be_visible()
        assert tab.get_by_role("link", name="API reference").evaluate("node => node.href") == f"{url}/docs"


def test_curl_block_is_the_call_that_the_view_made(page: Page) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here, so no command of the page is run")
    with page.expect_response("**/words/next") as answered:
        page.goto(f"/{NEXT}")
    page.get_by_text("The same call with curl").click()
    command = page.locator("pre code").inner_text()
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == answered.value.json()


@pytest.mark.prove
def test_page_works_in_front_of_two_server_processes(browser: Browser, tmp_path: Path, complaints: list[str]) -> None:
    publish(tmp_path / "models", "words", ngram())
    publish(tmp_path / "models", "lstm", recurrent())
    with process(tmp_path / "models", tmp_path / "data", NEXTWORD_WORKERS="2") as (server, url):
        wait_for(lambda: get(f"{url}/health/ready").status_code == 200)
        tags = {get(f"{url}/page/main.js").headers["etag"] for _ in range(20)}  # each on a connection of its own
        assert len(tags) == 1
        for _ in range(4):
            with tab_on(browser, url, complaints) as tab:
                tab.goto(url)
                expect(tab.locator(".models > li")).to_have_count(2)
                tab.goto(f"{url}/{NEXT}")
                expect(tab.locator("table.bars tbody tr")).to_have_count(10)
                tab.goto(f"{url}/{STREAMS}")
                expect(tab.locator(".word").first).to_be_visible()
        server.terminate()
        server.wait(60)
