"""The view Classify: labels and the words that carried them, as the API tells them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.serving import post

TEXT = "the 🐈 saw a bird , and slept ."


def test_classify_shows_labels_and_words_as_the_api_tells_them(page: Page, service: str) -> None:
    page.goto(f"/#/classify?model=classifier&text={TEXT}")
    answer = post(f"{service}/v1/models/classifier/classify", json={"text": TEXT, "explain": True}).json()["results"][0]
    card = page.get_by_role("region", name="classifier", exact=True)
    expect(card.locator(".bars tbody tr")).to_have_count(len(answer["probabilities"]))
    shown = [float(text.split()[0]) / 100 for text in card.locator(".bars .figure").all_inner_texts()]
    assert shown == pytest.approx([label["probability"] for label in answer["probabilities"]], rel=5e-3)
    expect(card.locator(".bars .marked th")).to_have_text(answer["label"])
    strongest = max(abs(word["effect"]) for word in answer["explain"])
    marked = [word for word in answer["explain"] if abs(word["effect"]) >= 0.05 * strongest]
    marks = card.locator(".marked-text mark")
    expect(marks).to_have_count(len(marked))
    for mark, word in zip(marks.all(), marked, strict=True):
        sign, kind = ("+", "for") if word["effect"] > 0 else ("\N{MINUS SIGN}", "against")
        expect(mark).to_have_text(f"{word['text']}\xa0{sign}{abs(word['effect']):.2f}")
        expect(mark).to_have_class(kind)
        assert float(mark.evaluate("e => e.style.getPropertyValue('--weight')")) == pytest.approx(
            abs(word["effect"]) / strongest, abs=1e-3
        )
    card.locator(".marked-text sub").evaluate_all("all => all.forEach(label => label.remove())")
    assert card.locator(".marked-text").text_content() == TEXT


def test_classify_shows_several_models_and_examples_by_keyboard(page: Page) -> None:
    page.goto("/#/classify")
    page.get_by_role("checkbox", name="classifier").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Example")).to_be_focused()
    page.get_by_label("Example").select_option(index=2)
    expect(page.get_by_role("textbox", name="Text")).to_have_value(
        "Too long, not funny at all, and the ending is a mess."
    )
    page.wait_for_url("**text=Too+long**")
    page.get_by_role("checkbox", name="classifier").press("Space")
    expect(page.get_by_text("Choose a model.")).to_be_visible()
    page.get_by_role("checkbox", name="classifier").press("Space")
    page.get_by_role("textbox", name="Text").fill("")
    expect(page.get_by_text("Write something: text.")).to_be_visible()


def test_classify_shows_each_model_in_a_card_and_errors_where_they_belong(page: Page, complaints: list[str]) -> None:
    page.goto(f"/#/classify?model=classifier&model=gone&text={TEXT}")
    expect(page.get_by_role("region", name="classifier", exact=True).locator("mark").first).to_be_visible()
    expect(page.get_by_role("region", name="gone", exact=True).get_by_role("alert")).to_contain_text("no model 'gone'")
    complaints.clear()  # Chromium complains of each status 404
