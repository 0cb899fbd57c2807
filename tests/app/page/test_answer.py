"""The view Answer: the answer's span in the story, and what is said where there is none."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.helpers.serving import post

STORY, QUESTION = "the old dog saw a bird .\nmy friend heard the cat .", "who saw a bird ?"


def test_answer_marks_the_span_of_the_api(page: Page, service: str) -> None:
    page.goto("/#/answer?model=reader")
    page.get_by_label("Story").fill(STORY)
    page.get_by_label("Question").fill(QUESTION)
    page.wait_for_url("**question=who+saw**")
    body = {"context": STORY, "question": QUESTION, "top_k": 5}
    result = post(f"{service}/v1/models/reader/answer", json=body).json()["results"][0]
    card = page.get_by_role("region", name="reader", exact=True)
    expect(card).to_contain_text(f"Answer: {result['answer']}")
    expect(card.locator(".bars tbody tr")).to_have_count(len(result["answers"]))
    shown = [float(text.split()[0]) / 100 for text in card.locator(".bars .figure").all_inner_texts()]
    assert shown == pytest.approx([answer["probability"] for answer in result["answers"]], rel=5e-3)
    best = result["answers"][0]
    spans = [] if best["begin"] is None else [STORY[best["begin"] : best["end"]]]
    expect(card.locator(".marked-text mark > span")).to_have_text(spans)
    expect(card).to_contain_text("underlined in the story" if spans else "stands nowhere in the story")


@pytest.mark.parametrize("answer", ["cat", None])
def test_answer_shows_spans_and_that_there_is_none(page: Page, answer: str | None) -> None:
    at = STORY.index("cat")
    scored = [{"text": "cat", "begin": at, "end": at + 3, "probability": 0.4}]
    no_answer = 0.6 if answer is None else 0.1

    def reply(route: Route) -> None:
        result = {"answer": answer, "answers": scored, "no_answer": no_answer}
        route.fulfill(json={"model": "reader@1", "results": [result]})

    page.route("**/v1/models/reader/answer", reply)
    page.goto("/#/answer?model=reader")
    page.get_by_label("Story").fill(STORY)
    card = page.get_by_role("region", name="reader", exact=True)
    expect(card.locator(".bars")).to_contain_text("No answer")
    if answer is None:
        expect(card).to_contain_text("No answer in the story.")
        expect(card.locator(".marked-text mark")).to_have_count(0)
        expect(card.locator(".bars .marked th")).to_contain_text("No answer")
    else:
        expect(card.locator(".marked-text mark")).to_have_text("cat\xa0answer")
        expect(card.locator(".bars .marked th")).to_have_text("cat")
