"""The view Fill: both sides beside the left alone, with the probabilities that the API gives."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.serving import post

TEXT = "the old ___ saw a bird ."
SHOWN = 8
SHARES = "cells => cells.map(cell => Number(cell.style.getPropertyValue('--share')))"


def open_fill(page: Page, model: str = "fill", text: str = TEXT) -> None:
    page.goto(f"/#/fill?model={model}&left=words&text={text}")
    expect(page.locator("table.compared tbody tr").first).to_be_visible()


def percentages(page: Page, column: int) -> list[float]:
    texts = page.locator(f"table.compared tbody td:nth-child({column}) .figure").all_inner_texts()
    return [float(text.split()[0]) / 100 if "%" in text and "below" not in text else -1 for text in texts]


@pytest.mark.parametrize("model", ["fill", "words"])
def test_fill_shows_both_sides_beside_the_left_alone(page: Page, service: str, model: str) -> None:
    open_fill(page, model)
    words = page.locator("table.compared tbody th").all_inner_texts()
    fill = post(f"{service}/v1/models/{model}/fill", json={"text": TEXT, "top_k": 200}).json()["results"][0]
    both = {filling["words"][0]: filling["probability"] for filling in fill["fillings"]}
    left = post(
        f"{service}/v1/models/words/probability", json={"context": "the old", "text": words, "eos": False}
    ).json()["results"]
    follow = post(f"{service}/v1/models/words/next", json={"context": "the old", "top_k": SHOWN}).json()["next"]
    assert set(words) == {*list(both)[:SHOWN], *(token["token"] for token in follow)}
    assert words[0] == next(iter(both))
    told = [(shown, both[word]) for shown, word in zip(percentages(page, 2), words, strict=True) if shown >= 1e-4]
    assert [shown for shown, _ in told] == pytest.approx([exact for _, exact in told], rel=5e-3)
    told = [(shown, score["probability"]) for shown, score in zip(percentages(page, 3), left, strict=True)]
    assert [shown for shown, _ in told if shown >= 1e-4] == pytest.approx(
        [exact for shown, exact in told if shown >= 1e-4], rel=5e-3
    )
    expect(page.locator("mark.filled")).to_have_text(words[0])
    shares = page.locator("table.compared tbody td").evaluate_all(SHARES)
    numbers = [n for pair in zip(percentages(page, 2), percentages(page, 3), strict=True) for n in pair]
    drawn = [(share, n / max(numbers)) for share, n in zip(shares, numbers, strict=True) if n > 1e-3 * max(numbers)]
    assert [share for share, _ in drawn] == pytest.approx([n for _, n in drawn], rel=1e-2)


def test_fill_of_a_model_of_letters_shows_letters_and_no_left_side(page: Page, service: str) -> None:
    open_fill(page, "letters")
    best = post(f"{service}/v1/models/letters/fill", json={"text": TEXT}).json()["results"][0]["fillings"][0]
    expect(page.get_by_label("From both sides")).to_have_value("letters")
    expect(page.locator("mark.filled")).to_have_text(best["words"])
    expect(page.locator("table.compared thead th")).to_have_count(2)
    expect(page.get_by_text("This model fills a blank with one character")).to_be_visible()


def test_fill_of_two_blanks_shows_pairs_and_no_left_side(page: Page, service: str) -> None:
    text = "the ___ dog ___ a bird ."
    open_fill(page, text=text)
    best = post(f"{service}/v1/models/fill/fill", json={"text": text}).json()["results"][0]["fillings"][0]
    expect(page.locator("mark.filled")).to_have_text(best["words"])
    expect(page.locator("table.compared tbody th").first).to_have_text(" … ".join(best["words"]))
    expect(page.locator("table.compared thead th")).to_have_count(2)


def test_fill_keeps_its_state_in_the_address_and_asks_for_a_blank(page: Page) -> None:
    open_fill(page)
    box = page.get_by_role("textbox", name="Text")
    box.fill("the cat saw a bird .")
    expect(page.get_by_role("status").filter(has_text="three underscores")).to_be_visible()
    box.evaluate("box => box.setSelectionRange(4, 7)")
    page.get_by_role("button", name="Insert a blank").click()
    expect(box).to_have_value("the ___ saw a bird .")
    page.wait_for_url("**text=the+___+saw+a+bird+.")
    page.get_by_label("From both sides").select_option("lstm")
    page.wait_for_url("**model=lstm&left=words**")
    page.get_by_label("Example").select_option(index=1)
    page.wait_for_url("**text=We+**")
    page.get_by_text("The same call with curl").click()
    expect(page.locator(".curl code")).to_contain_text("/v1/models/lstm/fill")


def test_fill_tells_what_the_server_refuses(page: Page, complaints: list[str]) -> None:
    page.goto(f"/#/fill?model=nothing&left=words&text={TEXT}")
    expect(page.get_by_role("alert")).to_contain_text("nothing")
    complaints.clear()
