"""The first view: what a language model is, a first try, the models and their figures."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from models.checkpoint.card import FileDigest, Provenance
from models.checkpoint.save import save
from models.tokenization.tokenizer import Tokenizer
from tests.app.page.conftest import tab_on
from tests.app.page.test_views import OVERFLOW
from tests.helpers.serving import CHARACTERS, WORDS, get, ngram, post, publish, serving


def test_home_explains_in_four_sentences_and_lists_the_models(page: Page, service: str) -> None:
    page.goto("/")
    explanation = page.get_by_role("heading", name="What is a language model?").locator("xpath=following-sibling::p[1]")
    assert explanation.inner_text().count(".") == 4
    listed = get(f"{service}/v1/models").json()["data"]
    items = page.locator(".models > li")
    expect(items).to_have_count(len(listed))
    for model in listed:
        item = items.filter(has=page.get_by_role("heading", name=model["name"], exact=True))
        expect(item).to_contain_text(f"{model['parameters']:,} parameters")
        expect(item.get_by_role("link", name="Next word")).to_have_count(int("next" in model["capabilities"]))


def test_home_first_try_shows_what_the_api_answers_and_one_click_leads_on(page: Page, service: str) -> None:
    page.goto("/")
    table = page.locator("table.bars")
    name = table.locator("caption").inner_text().removeprefix("Next word by ")
    expected = post(f"{service}/v1/models/{name}/next", json={"context": "It was a very", "top_k": 6}).json()
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(len(expected["next"]))
    shown = [float(text.split()[0]) for text in rows.locator(".figure").all_inner_texts()]
    assert shown == pytest.approx([100 * token["probability"] for token in expected["next"]], rel=5e-3)
    page.get_by_role("link", name="Type your own").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Next word")


def publish_measured(root: Path, name: str, perplexity: float, text: str, tokenizer: Tokenizer = WORDS) -> None:
    model = ngram(tokenizer)
    recipe = {"validation": f"texts/{text}.txt", "empty_lines": "keep"}
    corpus = {f"{text}.txt": FileDigest(text * 64, 1)}
    metrics = {"validation": {"lines": {"perplexity": perplexity, "bits_per_character": perplexity / 10}}}
    save(root, name, model, tokenizer, Provenance("none", "none", corpus, recipe, metrics))


def test_home_puts_figures_side_by_side_only_where_they_compare(
    browser: Browser, tmp_path: Path, complaints: list[str]
) -> None:
    root = tmp_path / "checkpoints"
    publish_measured(root, "worse", 40.5, "a")
    publish_measured(root, "better", 30.25, "a")
    publish_measured(root, "other-text", 10, "b")
    publish_measured(root, "other-tokens", 3, "a", CHARACTERS)
    publish_measured(root, "better", 35.125, "a")  # version 2: the newest counts
    with serving(root) as server, tab_on(browser, server.url, complaints) as tab:
        tab.goto(server.url)
        section = tab.locator("section.card", has=tab.get_by_role("heading", name="How good are they?"))
        expect(section.locator("table")).to_have_count(1)
        rows = section.locator("tbody tr")
        assert [row.split("\t")[0] for row in rows.all_inner_texts()] == ["better", "worse"]
        expect(rows.first).to_contain_text("best 35.13")
        expect(rows.last).not_to_contain_text("best")
        expect(section.locator("li")).to_contain_text(["other-text · ", "other-tokens · "])
        expect(tab.get_by_text("Older versions (1)")).to_be_visible()
        tab.set_viewport_size({"width": 320, "height": 740})
        assert tab.evaluate(OVERFLOW) <= 0


def test_home_tells_what_is_broken_and_other_names(browser: Browser, tmp_path: Path, complaints: list[str]) -> None:
    root = tmp_path / "checkpoints"
    ref = publish(root, "broken", ngram())
    card = json.loads((ref.path / "card.json").read_text())
    (ref.path / "card.json").write_text(json.dumps(card | {"parameters": -1}))
    publish(root, "words", ngram())
    with serving(root) as server, tab_on(browser, server.url, complaints) as tab:
        httpx.put(f"{server.url}/v1/aliases/production", json={"model": "words@1"}, timeout=60).raise_for_status()
        tab.goto(server.url)
        (problem,) = get(f"{server.url}/v1/models").json()["problems"]
        expect(tab.locator(".notice.error")).to_contain_text(f"broken@1: {problem['message']}")
        expect(tab.locator(".models")).to_contain_text("also called production")


def test_home_without_models_leads_to_training(browser: Browser, tmp_path: Path, complaints: list[str]) -> None:
    with serving(tmp_path / "none") as server, tab_on(browser, server.url, complaints) as tab:
        tab.goto(server.url)
        tab.get_by_role("link", name="Train one of your own").click()
        expect(tab.get_by_role("heading", level=1)).to_have_text("Train")
