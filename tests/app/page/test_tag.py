"""The view Tag: spans and tags where the API has them, and a legend that counts them."""

from __future__ import annotations

import json
from collections import Counter

from playwright.sync_api import Page, Route, expect

from tests.helpers.serving import post

TEXT = "the old dog saw a bird .\nmy friend heard the cat ."


def test_tag_marks_the_spans_of_the_api(page: Page, service: str) -> None:
    page.goto("/#/tag?model=tagger")
    box = page.get_by_role("textbox", name="Text")
    box.fill(TEXT)
    page.wait_for_url("**text=the+old+dog**")
    spans = post(f"{service}/v1/models/tagger/tag", json={"text": TEXT}).json()["results"][0]["spans"]
    assert spans, "the text must have some to show"
    marks = page.locator(".marked-text mark")
    expect(marks.locator("span")).to_have_text([span["text"] for span in spans])
    expect(page.locator(".legend li")).to_have_text(f"ANIMAL  \N{MULTIPLICATION SIGN} {len(spans)}")
    labels = ["ANIMAL" if span["probability"] >= 0.8 else "ANIMAL?" for span in spans]
    expect(marks.locator("sub")).to_have_text([f"\xa0{label}" for label in labels])


def test_tag_marks_every_token_of_other_tags_and_shows_one_tag_alone(page: Page) -> None:
    text, tags = "time flies fast", ["NN", "VBZ", "RB"]
    tokens, at = [], 0
    for word, tag in zip(text.split(), tags, strict=True):
        tokens.append({"token": word, "begin": at, "end": at + len(word), "tag": tag, "probability": 0.9})
        at += len(word) + 1
    tokens[1]["probability"] = 0.6

    def answer(route: Route) -> None:
        route.fulfill(json={"model": "tagger@1", "results": [{"tokens": tokens, "spans": []}]})

    page.route("**/v1/models/tagger/tag", answer)
    page.goto(f"/#/tag?model=tagger&text={text}")
    labels = page.locator(".marked-text mark sub")
    expect(labels).to_have_text(["\xa0NN", "\xa0VBZ?", "\xa0RB"])
    expect(page.locator(".legend li")).to_have_count(len(Counter(tags)))
    button = page.get_by_role("button", name="VBZ")
    button.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_focused()
    expect(labels).to_have_text(["\xa0VBZ?"])
    button.press("Enter")
    expect(labels).to_have_count(3)
    page.get_by_text("The same call with curl").click()
    expect(page.locator(".curl code")).to_contain_text(json.dumps({"text": text}, separators=(",", ":")))
