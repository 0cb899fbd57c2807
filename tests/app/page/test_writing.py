"""The view Writing: what is written, how likely it was and what else was, against what the API answers."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.app.page.conftest import tab_on
from tests.helpers.serving import idle, serving, wait_for

SETTINGS = {"prompt": "my friend", "max_tokens": 12, "seed": 5, "temperature": 0.8, "top_k": 7}
ENDLESS = 100_000
"""Tokens that take far longer than pressing a button; with ten alternatives each they are what one answer may have."""
ASKED = {"top_logprobs": 10, "sampling_probabilities": True}


def write(service: str, model: str, **more: object) -> dict[str, Any]:
    body = {**SETTINGS, **ASKED, **more}
    answer = httpx.post(f"{service}/v1/models/{model}/generate", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    choice: dict[str, Any] = answer.json()["choices"][0]
    return choice


def open_writing(page: Page, model: str, **more: object) -> Locator:
    """Open the view and have it write; return the tokens."""
    page.goto(f"/#/writing?{urlencode({'model': model, **SETTINGS, **more})}")
    page.get_by_role("button", name="Write", exact=True).click()
    return page.locator(".words .word")


def shown_text(page: Page) -> str:
    """What the page shows of prompt and text, without marks of ends of lines."""
    return str(page.locator(".words").text_content()).replace("⏎", "").replace(" ⟨end⟩", "")


@pytest.mark.parametrize("model", ["words", "lstm", "letters"])
def test_writing_shows_each_token_with_the_chance_that_it_was_drawn_with(page: Page, service: str, model: str) -> None:
    choice = write(service, model)
    tokens = choice["tokens"] + [choice["end"] for _ in range("end" in choice)]
    words = open_writing(page, model)
    expect(words).to_have_count(len(tokens))
    shares = words.evaluate_all("words => words.map(word => Number(word.style.getPropertyValue('--share')))")
    assert shares == pytest.approx([token["sampling_probability"] for token in tokens])
    heights = words.evaluate_all("words => words.map(word => getComputedStyle(word).backgroundImage)")
    for height, share in zip(heights, shares, strict=True):
        assert float(re.findall(r"([\d.e-]+)%", height)[0]) == pytest.approx(100 * share, abs=0.01)
    for_people = page.locator(".words").evaluate("p => [...p.querySelectorAll('small')].forEach(s => s.remove())")
    assert for_people is None
    assert shown_text(page) == SETTINGS["prompt"] + choice["text"]
    perplexity = math.exp(-sum(token["logprob"] for token in tokens) / len(tokens))
    figures = page.get_by_role("region", name="The text", exact=True).locator("dl")
    found = re.search(r"([\d.]+) of what was written", figures.inner_text())
    assert found
    assert float(found[1]) == pytest.approx(perplexity, rel=1e-3)


def test_writing_shows_what_might_have_come_and_goes_on_from_it(page: Page, service: str) -> None:
    choice = write(service, "lstm", ignore_end=True)
    words = open_writing(page, "lstm", ignore_end=1)
    expect(words).to_have_count(12)
    words.nth(3).click()
    detail = page.get_by_role("region", name="The picked token")
    token = choice["tokens"][3]
    rows = detail.locator("tbody tr")
    others = token["top_logprobs"]
    assert token["id"] in [other["id"] for other in others]
    expect(rows).to_have_count(10)
    shares = rows.evaluate_all("rows => rows.map(row => Number(row.cells[1].style.getPropertyValue('--share')))")
    most = max(other["sampling_probability"] for other in others)
    assert shares == pytest.approx([other["sampling_probability"] / most for other in others], abs=1e-6)
    assert rows.locator("text=left out").count() == sum(other["sampling_probability"] == 0 for other in others) >= 3
    expect(detail.locator("tr.marked")).to_contain_text(token["token"])
    other = next(other for other in others if other["id"] not in (0, 1, token["id"]))
    detail.get_by_role("button", name=other["token"], exact=True).click()
    expect(words).to_have_count(16)
    expect(words.nth(3)).to_have_class(re.compile("chosen"))
    prompt = parse_qs(urlsplit(page.url).fragment.partition("?")[2])["prompt"][0]
    spoken = ["my", "friend", *(token["token"] for token in choice["tokens"][:3]), other["token"]]
    assert prompt.replace(" ", "") == "".join(spoken)
    expected = write(service, "lstm", prompt=prompt, ignore_end=True)
    page.locator(".words").evaluate("p => [...p.querySelectorAll('small')].forEach(s => s.remove())")
    assert shown_text(page) == prompt + expected["text"]


def test_writing_stops_when_asked_to(browser: Browser, models: Path, complaints: list[str]) -> None:
    with serving(models, max_tokens=ENDLESS) as server, tab_on(browser, server.url, complaints) as page:
        words = open_writing(page, "lstm", max_tokens=ENDLESS, ignore_end=1)
        expect(words.nth(5)).to_be_visible()
        stop = page.get_by_role("button", name="Stop", exact=True)
        stop.click()
        expect(page.get_by_text("Stopped. What has been written stays.")).to_be_visible()
        expect(stop).to_be_disabled()
        written = words.count()
        assert 5 < written < ENDLESS
        wait_for(lambda: idle(server.url))
        assert words.count() == written


def test_writing_strikes_out_the_stop_string(page: Page, service: str) -> None:
    body = {"seed": 3, "ignore_end": True, "max_tokens": 60, "temperature": 1.0, "top_k": 0}
    plain = write(service, "words", **body)
    stop = " ".join(token["token"] for token in plain["tokens"][5:7])
    choice = write(service, "words", stop=stop, **body)
    assert choice["finish_reason"] == "stop"
    words = open_writing(page, "words", stop=stop, **{**body, "ignore_end": 1})
    expect(page.get_by_text("The stop string came.")).to_be_visible()
    expect(words).to_have_count(len(choice["tokens"]))
    assert " ".join(page.locator(".words .cut span").all_inner_texts()) == stop
    page.locator(".words").evaluate("p => [...p.querySelectorAll('small, .cut')].forEach(s => s.remove())")
    assert shown_text(page).strip() == (SETTINGS["prompt"] + choice["text"]).strip()


def test_writing_says_that_a_stream_broke_off(page: Page, service: str) -> None:
    token = {"token": "saw", "id": 5, "logprob": -1.0, "sampling_probability": 0.5}
    part = {"index": 0, "text": " saw", "tokens": [token], "finish_reason": None}

    def cut(route: Route) -> None:
        event = json.dumps({"seed": 1, "choices": [part]})
        route.fulfill(content_type="text/event-stream", body=f"data: {event}\n\n")

    page.route("**/generate", cut)
    words = open_writing(page, "words")
    expect(page.get_by_role("alert")).to_contain_text("The connection broke")
    expect(words).to_have_count(1)
    page.unroute("**/generate")
    page.get_by_role("button", name="Try again").click()
    expect(words).to_have_count(len(write(service, "words")["tokens"]) + ("end" in write(service, "words")))
    expect(page.get_by_role("alert")).to_have_count(0)


def test_writing_address_writes_the_same_text_again(page: Page, service: str) -> None:
    words = open_writing(page, "words", seed="", ignore_end=1)
    expect(words).to_have_count(12)
    page.wait_for_url(re.compile(r"seed=\d+.*go=1"))
    text = shown_text(page)
    page.reload()
    expect(words).to_have_count(12)
    assert shown_text(page) == text


def test_writing_sliders_say_what_they_mean_by_keyboard(page: Page) -> None:
    page.goto("/#/writing?model=words")
    slider = page.get_by_label(re.compile("^Top k"))
    expect(slider).to_have_attribute("aria-valuetext", "all")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "2")
    page.get_by_label(re.compile("^Temperature")).focus()
    page.keyboard.press("Home")
    expect(page.get_by_text("0: always the likeliest")).to_be_visible()
