"""A service with models of every kind, and Chromium, which Playwright drives, in front of its page.

The fixtures end with this package: a running Playwright takes the thread's event loop for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from models.ngram.config import NgramConfig
from tests.helpers.browser import CHROMIUM, FLAGS
from tests.helpers.serving import (
    TEXT,
    classifier,
    fill_in,
    publish,
    publish_all,
    publish_mixture,
    publish_with_counts,
    reader,
    serving,
    tagger,
)

TIMEOUT = 20_000
"""Milliseconds until what does not come counts as missing."""
expect.set_options(timeout=TIMEOUT)


@pytest.fixture(scope="package")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of words, counts, letters, lstm, gru, counted, mix, classifier, tagger, fill and reader."""
    root = tmp_path_factory.mktemp("page") / "checkpoints"
    publish_all(root)
    publish_with_counts(root, "counted", NgramConfig(order=3, smoothing="kneser_ney"), TEXT)
    for name, model in (("classifier", classifier()), ("tagger", tagger()), ("fill", fill_in()), ("reader", reader())):
        publish(root, name, model)
    publish_mixture(root, "mix", "words", "lstm")
    return root


@pytest.fixture(scope="package")
def service(models: Path) -> Iterator[str]:
    """Address of the service, without a slash at its end."""
    with serving(models) as server:
        yield server.url


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install it, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS[1:-1])
        yield running
        running.close()


@pytest.fixture
def complaints() -> list[str]:
    """Errors in the console and requests to elsewhere; a test that provokes some clears them."""
    return []


@pytest.fixture
def page(browser: Browser, service: str, complaints: list[str]) -> Iterator[Page]:
    """A fresh tab on the service, as in `page.goto("/#/next?model=words")`; complaints fail the test."""
    with tab_on(browser, service, complaints) as tab:
        yield tab


@contextmanager
def tab_on(browser: Browser, url: str, complaints: list[str] | None = None) -> Iterator[Page]:
    """A fresh tab; where there is a list for its complaints, they fail the test at the end."""
    with browser.new_context(base_url=url, viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(TIMEOUT)
        tab = context.new_page()
        if complaints is not None:
            watch(tab, url, complaints)
        yield tab
    assert not complaints


def watch(tab: Page, service: str, complaints: list[str]) -> None:
    """Collect what a tab complains of, and requests to anywhere but the service."""

    def note_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def note_request(request: Request) -> None:
        if not request.url.startswith((f"{service}/", "blob:")):
            complaints.append(f"asked for {request.url}")

    tab.on("console", note_console)
    tab.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    tab.on("request", note_request)
