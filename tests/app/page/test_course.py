"""The view Course: claims, verdicts, pictures, charts and commands are those of the API."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.storage.findings import record
from tests.app.routes.test_findings import shipped
from tests.helpers.serving import get


@pytest.fixture
def findings(service: str) -> list[dict[str, Any]]:
    listed = get(f"{service}/v1/findings").json()["data"]
    return [get(f"{service}/v1/findings/{finding['id']}").json() for finding in listed]


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


SHAPES = """
pictures => pictures.map(picture => {
  const ends = (node, ...names) => node && names.map(name => Number(node.getAttribute(name)));
  const [begin, width] = ends(picture.querySelector(".accepted"), "x", "width") ?? [];
  return {
    seeds: [...picture.querySelectorAll(".seed")].map(seed => Number(seed.getAttribute("cx"))),
    accepted: [begin, begin + width],
    mean: ends(picture.querySelector(".mean:not(.cap)"), "x1", "x2"),
  };
})
"""
WIDTH = 340
"""Of a picture, in its own units."""


def test_course_shows_every_claim_with_its_verdict_and_picture(page: Page, findings: list[dict[str, Any]]) -> None:
    page.goto("/#/course")
    claims = [claim for finding in findings for claim in finding["claims"]]
    expect(page.locator(".claims strong")).to_have_text([capital(claim["text"]) for claim in claims])
    signs = {"holds": "✓", "does not hold": "✗", "not decided": "?"}
    expect(page.locator(".claims .tag")).to_have_text([f"{signs[c['verdict']]} {c['verdict']}" for c in claims])
    counts = Counter(claim["verdict"] for claim in claims)
    expect(page.locator(".tags li")).to_have_text(
        [f"{sign} {verdict} {counts[verdict]}" for verdict, sign in signs.items()]
    )
    commands = [f"{finding['run']['command']} --record" for finding in findings]
    expect(page.locator("pre.code")).to_have_text(commands)
    expect(page.locator(".muted .tag")).to_have_text(["shipped"] * len(findings))
    for claim, shapes in zip(claims, page.locator("svg.interval").evaluate_all(SHAPES), strict=True):
        check_picture(claim, shapes)


def check_picture(claim: dict[str, Any], shapes: dict[str, Any]) -> None:
    """Compare sides in the picture with those of the numbers: what is right of a bound is above it."""
    values = [value for value in claim["values"] if value is not None]
    assert len(shapes["seeds"]) == len(values)
    if claim["accepted"] is None:
        return
    (low, high), (left, right) = claim["accepted"], shapes["accepted"]
    for value, x in zip(values, shapes["seeds"], strict=True):
        assert (low is None or value >= low) == (x >= left)
        assert (high is None or value <= high) == (x <= right)
    begin, end = shapes["mean"]
    is_inside = left < begin and (end < right or right == WIDTH)
    assert is_inside == (claim["verdict"] == "holds"), claim["text"]


def test_course_opens_the_chart_and_the_table_of_a_finding(page: Page, findings: list[dict[str, Any]]) -> None:
    (families,) = (finding for finding in findings if finding["id"] == "families")
    page.goto("/#/course?open=families")
    card = page.get_by_role("region", name="Families", exact=True)
    expect(card.locator(".chart-plot .chart-line")).to_have_count(len(families["curves"]))
    expect(card.get_by_label("logarithmic")).to_be_checked(checked=families["logarithmic"])
    rows = card.get_by_role("region", name="Figures of families").locator("tbody tr")
    expect(rows.locator("th")).to_have_text([row["kind"] for row in families["rows"]])
    expect(rows.first).to_contain_text(f"{families['rows'][0]['parameters']:,}")
    card.get_by_text("Chart and table").press("Enter")
    page.wait_for_url("**/#/course")


def test_course_shows_the_claims_of_one_verdict(page: Page, findings: list[dict[str, Any]]) -> None:
    page.goto("/#/course")
    page.get_by_label("Verdicts shown").select_option("does not hold")
    page.wait_for_url("**verdict=does+not+hold")
    expected = [c for finding in findings for c in finding["claims"] if c["verdict"] == "does not hold"]
    expect(page.locator(".claims li").filter(visible=True)).to_have_count(len(expected))
    page.reload()
    expect(page.locator(".claims li").filter(visible=True)).to_have_count(len(expected))


@pytest.fixture
def measured(models: Any) -> Iterator[dict[str, Any]]:
    """A finding of this machine beside the shipped one, and a file that is none."""
    folder = models.with_name(f"{models.name}-data") / "findings"
    finding = shipped("families")
    finding["claims"][0]["verdict"] = "not decided"
    record(folder, "families", json.dumps(finding))
    record(folder, "broken", "[]")
    yield finding
    for path in folder.iterdir():
        path.unlink()


def test_course_tells_what_was_measured_here_from_what_was_shipped(page: Page, measured: dict[str, Any]) -> None:
    page.goto("/#/course")
    card = page.get_by_role("region", name="Families", exact=True)
    expect(card.locator(".muted .tag")).to_have_text("measured on this machine")
    first = card.locator(".claims li").first
    expect(first.locator(".tag")).to_have_text("? not decided")
    verdict = shipped("families")["claims"][0]["verdict"]
    expect(first).to_contain_text(f"(shipped: {verdict})")
    expect(page.get_by_text("broken")).to_be_visible()
    expect(page.get_by_role("region", name="All claims")).to_contain_text("1 of ")
