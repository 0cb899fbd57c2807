"""The view Reading: bars, figures and lines against what the API answers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

TEXT = "the old zebra saw a bird .\nmy friend heard 🦓 the cat ."
FULL = 16.0  # bits


def analyze(service: str, model: str, window: int = 5) -> dict[str, Any]:
    body = {"text": TEXT, "window": window}
    answer = httpx.post(f"{service}/v1/models/{model}/analyze", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["results"][0]
    return result


def open_reading(page: Page, model: str, other: str = "", **more: object) -> Locator:
    state = {"model": model, "other": other, "text": TEXT, "window": 5, **more}
    page.goto(f"/#/reading?{urlencode(state)}")
    words = page.locator(".words .word")
    expect(words.first).to_be_visible()
    return words


def heights(words: Locator) -> list[float]:
    """Shares of the words' heights that their bars fill."""
    shares: list[float] = words.evaluate_all(
        "words => words.map(word => {"
        " const stops = getComputedStyle(word).backgroundImage.match(/([\\d.]+)%/);"
        " return Number(stops[1]) / 100; })"
    )
    return shares


@pytest.mark.parametrize("model", ["words", "lstm", "letters"])
def test_reading_fills_each_word_as_high_as_its_surprisal(page: Page, service: str, model: str) -> None:
    units = analyze(service, model)["units"]
    words = open_reading(page, model)
    expect(words).to_have_count(len(units))
    assert heights(words) == pytest.approx([min(1, unit["surprisal"] / FULL) for unit in units], abs=1e-4)
    texts = words.locator("span").all_inner_texts()
    assert texts == [{"\n": "⏎", "": "⟨end⟩"}.get(unit["text"], unit["text"]) for unit in units]
    labels = words.evaluate_all("words => words.map(word => word.ariaLabel)")
    for label, unit in zip(labels, units, strict=True):
        assert f"{unit['surprisal']:.2f} bits" in label
        assert ("unknown word" in label) == unit["oov"]
    unknown = page.locator(".words .unknown span").all_inner_texts()
    assert unknown == [unit["text"] for unit in units if unit["oov"]]


def test_reading_tells_perplexity_as_the_api_does(page: Page, service: str) -> None:
    open_reading(page, "words")
    body = {"text": TEXT, "unit": "lines"}
    answer = httpx.post(f"{service}/v1/models/words/perplexity", json=body, timeout=60).json()
    figures = page.locator("dl").inner_text()
    shown = re.search(r"perplexity ([\d.,]+) over (\d+) tokens.* (\d+) unknown", figures)
    assert shown
    assert float(shown[1].replace(",", "")) == pytest.approx(answer["perplexity"], rel=1e-3)
    assert (int(shown[2]), int(shown[3])) == (answer["token_count"], answer["oov_count"])


def test_reading_draws_the_running_perplexity(page: Page, service: str) -> None:
    expected = {
        model: [unit["window_perplexity"] for unit in analyze(service, model)["units"]] for model in ("words", "lstm")
    }
    open_reading(page, "words", "lstm")
    lines = page.locator(".chart-plot .chart-line")
    expect(lines).to_have_count(2)
    paths = lines.evaluate_all("lines => lines.map(line => line.getAttribute('d'))")
    heights = [[float(y) for _, y in re.findall(r"([\d.]+)[ ,]([\d.]+)", path)] for path in paths]
    # One scale for both lines: pixels = a - b * perplexity, from the highest and the lowest value.
    pairs = [
        pair for line, values in zip(heights, expected.values(), strict=True) for pair in zip(values, line, strict=True)
    ]
    (low, bottom), (high, top) = min(pairs), max(pairs)
    for value, pixel in pairs:
        assert pixel == pytest.approx(bottom + (value - low) / (high - low) * (top - bottom), abs=1)


def test_reading_goes_from_word_to_word_by_keyboard(page: Page, service: str) -> None:
    units = analyze(service, "words")["units"]
    words = open_reading(page, "words")
    words.first.focus()
    detail = page.get_by_role("region", name="The picked word")
    for key, index in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("End", len(units) - 1),
        ("Home", 0),
        ("ArrowDown", 10),
        ("ArrowLeft", 9),
    ):
        page.keyboard.press(key)
        expect(words.nth(index)).to_be_focused()
        expect(words.nth(index)).to_have_attribute("aria-pressed", "true")
        row = detail.get_by_role("row", name=re.compile("^Surprisal"))
        expect(row).to_contain_text(f"{units[index]['surprisal']:.2f} bits")
    expect(page.locator(".words [aria-pressed=true]")).to_have_count(1)
    expect(page.locator(".words [tabindex='0']")).to_have_count(1)
    unit = units[9]
    expect(detail.get_by_role("row", name=re.compile("^Expected before"))).to_contain_text(
        f"{unit['entropy']:.2f} bits"
    )
    expect(detail.get_by_role("row", name=re.compile("^Rank"))).to_contain_text(f"{unit['rank']}")
    expect(detail.get_by_role("row", name=re.compile("^Matched order"))).to_contain_text(f"{unit['matched_order']}")
    # What was expected there, from the text before it.
    context = "".join(list(TEXT)[: unit["begin"]])
    body = {"context": context, "top_k": 5, "special": True}
    best = httpx.post(f"{service}/v1/models/words/next", json=body, timeout=60).json()["next"]
    expect(detail.get_by_role("table", name="What words expected here").locator("tbody th").first).to_have_text(
        best[0]["token"]
    )
    page.wait_for_url("**word=9**")


def test_reading_shows_where_two_models_differ(page: Page, service: str) -> None:
    readings = [analyze(service, model)["units"] for model in ("words", "lstm")]
    bits = [a["surprisal"] - b["surprisal"] for a, b in zip(*readings, strict=True)]
    words = open_reading(page, "words", "lstm", shade="difference", numbers=1)
    assert heights(words) == pytest.approx([min(1, abs(value) / 8) for value in bits], abs=1e-4)
    kinds = words.evaluate_all("words => words.map(word => word.className)")
    for kind, value in zip(kinds, bits, strict=True):
        assert ("more" in kind) == (value >= 0.5)
        assert ("less" in kind) == (value <= -0.5)
    assert words.locator("small").all_inner_texts() == [f"{abs(value):.1f}" for value in bits]
    rows = page.get_by_role("region", name="Differences").locator("tbody tr")
    order = sorted(range(len(bits)), key=lambda index: -abs(bits[index]))[:10]
    shown = rows.evaluate_all("rows => rows.map(row => [...row.cells].slice(1).map(c => c.textContent))")
    assert shown == [[f"{units[index]['surprisal']:.2f} bits" for units in readings] for index in order]
    rows.first.get_by_role("button").click()
    expect(words.nth(order[0])).to_have_attribute("aria-pressed", "true")


def test_reading_keeps_its_state_in_the_address(page: Page) -> None:
    words = open_reading(page, "words", "lstm")
    page.get_by_label("Bars show").select_option("difference")
    words.nth(2).click()
    page.wait_for_url(re.compile("shade=difference.*word=2"))
    page.reload()
    expect(page.get_by_label("Bars show")).to_have_value("difference")
    expect(words.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Text", exact=True)).to_have_value(TEXT)


@pytest.mark.parametrize(("model", "other"), [("words", "letters"), ("letters", "words")])
def test_reading_compares_models_that_cut_the_text_differently(
    page: Page, service: str, model: str, other: str
) -> None:
    readings = [analyze(service, name)["units"] for name in (model, other)]
    places = [{(unit["begin"], unit["end"]) for unit in units} for units in readings]
    assert places[0] != places[1], "the end of a line is a word of its own for one of them"
    shared = [[unit for unit in units if (unit["begin"], unit["end"]) in places[0] & places[1]] for units in readings]
    bits = [a["surprisal"] - b["surprisal"] for a, b in zip(*shared, strict=True)]
    words = open_reading(page, model, other, shade="difference")
    expect(words).to_have_count(len(bits))
    assert heights(words) == pytest.approx([min(1, abs(value) / 8) for value in bits], abs=1e-4)
    expect(page.get_by_text("different tokens: bits compare, perplexities do not")).to_be_visible()


def test_reading_says_that_a_long_text_takes_its_time_and_keeps_it(page: Page) -> None:
    words = open_reading(page, "words")
    held: list[Route] = []
    page.route("**/analyze", lambda route: held.append(route))
    text = page.get_by_label("Text", exact=True)
    text.fill("the cat saw a bird . " * 2000)
    expect(page.get_by_text("Waiting for the server")).to_be_visible()
    box = text.bounding_box()
    assert box is not None
    assert box["height"] <= 0.6 * 900 + 1, "a long text leaves room for what is made of it"
    assert len(page.url) > 10_000
    for route in held:
        route.continue_()
    expect(words).to_have_count(12_001)
    expect(page.get_by_text("Waiting for the server")).to_have_count(0)


@pytest.mark.parametrize(("first", "logarithmic"), [(20.0, False), (2000.0, True)])
def test_reading_chooses_a_scale_on_which_the_running_perplexity_can_be_read(
    page: Page, first: float, logarithmic: bool
) -> None:
    def answer(route: Route) -> None:
        body = route.fetch().json()
        for index, unit in enumerate(body["results"][0]["units"]):
            unit["window_perplexity"] = 10.0 if index else first
        route.fulfill(json=body)

    page.route("**/analyze", answer)
    open_reading(page, "words")
    expect(page.get_by_label("logarithmic")).to_be_checked(checked=logarithmic)
