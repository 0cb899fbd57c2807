"""Messages of the page when the server wants a key, refuses, is slow, is down, or dies in an answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.core.api_keys import KeyLimits
from tests.app.page.conftest import tab_on
from tests.helpers.fleet import fleet
from tests.helpers.serving import Server, get, loading, ngram, publish, recurrent, serving, wait_for


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("guarded") / "checkpoints"
    publish(root, "words", ngram())
    with serving(root) as server:
        ring = server.app.state.stores.keys
        ring.store.create("first", frozenset(["admin"]), KeyLimits())
        ring.refresh()
        yield server


def new_key(server: Server, name: str, *scopes: str, **limits: int) -> str:
    ring = server.app.state.stores.keys
    key: str = ring.store.create(name, frozenset(scopes), KeyLimits(**limits))
    ring.refresh()
    return key


def test_key_is_asked_for_kept_in_the_tab_and_sent(browser: Browser, guarded: Server) -> None:
    key = new_key(guarded, "reader", "infer")
    with tab_on(browser, guarded.url) as page:
        page.goto("/")
        dialog = page.get_by_role("dialog", name="API key")
        expect(dialog).to_contain_text("an API key is needed")
        dialog.get_by_role("textbox", name="Key").fill("nw_wrong")
        dialog.get_by_role("textbox", name="Key").press("Enter")
        expect(dialog).to_contain_text("no such API key")
        dialog.get_by_role("textbox", name="Key").fill(key)
        dialog.get_by_role("textbox", name="Key").press("Enter")
        expect(page.get_by_role("heading", name="words", exact=True)).to_be_visible()
        expect(page.locator("table.bars")).to_be_visible()
        page.get_by_text("The same call with curl").click()
        expect(page.locator("pre")).to_contain_text('-H "authorization: Bearer $NEXTWORD_API_KEY"')
        page.reload()
        expect(page.get_by_role("heading", name="words", exact=True)).to_be_visible()
        assert page.evaluate("[localStorage.length, document.cookie, sessionStorage.length]") == [0, "", 1]
        page.get_by_role("button", name="API key").click()
        dialog.get_by_role("button", name="Forget the key").click()
        page.wait_for_function("sessionStorage.length === 0")


def test_key_that_is_not_given_leaves_a_way_to_give_it(browser: Browser, guarded: Server) -> None:
    key = new_key(guarded, "later", "infer")
    with tab_on(browser, guarded.url) as page:
        page.goto("/")
        page.get_by_role("dialog").press("Escape")
        expect(page.get_by_role("alert")).to_contain_text("The server wants a key.")
        page.get_by_role("button", name="Enter a key").click()
        page.get_by_role("textbox", name="Key").fill(key)
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_role("heading", name="words", exact=True)).to_be_visible()


def test_key_without_the_scope_is_said_so(browser: Browser, guarded: Server) -> None:
    key = new_key(guarded, "looker", "infer")
    with tab_on(browser, guarded.url) as page:
        page.goto("/#/jobs")
        page.get_by_role("textbox", name="Key").fill(key)
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_role("alert")).to_contain_text("This key may not do that.")
        expect(page.get_by_role("alert")).to_contain_text("lacks the scope train")


def test_refusal_for_too_many_requests_says_busy_and_when_to_try_again(browser: Browser, guarded: Server) -> None:
    key = new_key(guarded, "limited", "infer", requests_per_minute=1)
    with tab_on(browser, guarded.url) as page:
        page.goto("/")
        page.get_by_role("textbox", name="Key").fill(key)
        page.get_by_role("button", name="Use it").click()
        alert = page.get_by_role("alert")
        expect(alert.first).to_contain_text("The server is busy. Try again in ")
        expect(alert.first.get_by_role("button", name="Try again")).to_be_visible()


def test_refusal_while_a_model_is_loaded_says_so(browser: Browser, tmp_path: Path, monkeypatch) -> None:
    publish(tmp_path / "models", "lstm", recurrent())
    with loading(tmp_path / "models", monkeypatch) as (server, go):
        wait_for(lambda: get(f"{server.url}/v1/models").json()["loading"] == ["lstm@1"])
        with tab_on(browser, server.url) as page:
            page.goto("/")
            expect(page.get_by_text("Being loaded: lstm@1.")).to_be_visible()
            go.set()
            expect(page.get_by_role("heading", name="lstm", exact=True)).to_be_visible()
            expect(page.get_by_text("Being loaded")).to_have_count(0)


def test_slow_server_is_waited_for_and_said_so(page: Page) -> None:
    held: list[Route] = []
    page.route("**/v1/models", lambda route: held.append(route))
    page.goto("/")
    expect(page.get_by_role("status").filter(has_text="Waiting for the server")).to_be_visible()
    for route in held:
        route.continue_()
    page.unroute("**/v1/models")
    expect(page.locator(".models > li").first).to_be_visible()
    expect(page.get_by_text("Waiting for the server")).to_have_count(0)


STREAM = """
async () => {
  const { events } = await import("/page/core/api.js");
  globalThis.texts = [];
  const body = { prompt: "the", max_tokens: 1000000, ignore_end: true, stream: true };
  try {
    for await (const { data } of events("v1/models/lstm/generate", { body })) texts.push(data);
  } catch (error) {
    return [error.name, error.code, error.status, error.message];
  }
  return "complete";
}
"""


@pytest.mark.prove
def test_server_that_dies_in_the_middle_of_a_stream_and_comes_back(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "checkpoints", "lstm", recurrent())
    for name in ("MAX_TOKENS", "MAX_PENDING_TOKENS"):
        monkeypatch.setenv(f"NEXTWORD_{name}", "1000000")
    with fleet(tmp_path, f"sqlite:///{tmp_path}/jobs.sqlite3", beside=True) as running:
        running.until(lambda: running.client.get("/health/ready"))
        with tab_on(browser, running.url) as page:
            page.goto("/")
            expect(page.locator("table.bars")).to_be_visible()
            page.evaluate(f"() => {{ globalThis.ended = ({STREAM})() }}")
            wait_for(lambda: page.evaluate("globalThis.texts?.length > 3"))
            running.processes["service"].kill()
            ended = page.evaluate("globalThis.ended")
            assert ended == ["Error", "cut_off", 0, "The connection broke before the answer was complete."]
            running.processes["service"].wait()
            page.evaluate("location.hash = '#/tag'")  # its script was never loaded
            expect(page.get_by_role("alert")).to_contain_text("The server is down.")
            page.evaluate("location.hash = '#/home?again=1'")
            expect(page.get_by_role("alert")).to_contain_text("The server is down.")
            running.begin("service")
            running.until(lambda: running.client.get("/health/ready"))
            page.get_by_role("button", name="Try again").click()
            expect(page.get_by_role("heading", name="lstm", exact=True)).to_be_visible()
