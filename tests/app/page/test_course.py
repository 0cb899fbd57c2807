"""The view Course: claims, verdicts, pictures, charts and commands are those of the API."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.storage.findings import SHIPPED, record
from tests.helpers.serving import get


@pytest.fixture
def findings(service: str) -> list[dict[str, Any]]:
    listed = get(f"{service}/v1/findings").json()["data"]
    return [get(f"{service}/v1/findings/{finding['id']}").json() for finding in listed]


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def test_course_shows_every_claim_with_its_verdict(page: Page, findings: list[dict[str, Any]]) -> None:
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


def test_course_pictures_show_the_figures(page: Page, findings: list[dict[str, Any]]) -> None:
    page.goto("/#/course")
    pictures = page.locator("svg.interval")
    claims = [claim for finding in findings for claim in finding["claims"]]
    expect(pictures).to_have_count(len(claims))
    for picture, claim in zip(pictures.all(), claims, strict=True):
        seeds = picture.locator(".seed").evaluate_all("all => all.map(seed => Number(seed.getAttribute('cx')))")
        values = [value for value in claim["values"] if value is not None]
        assert len(seeds) == len(values)
        if claim["accepted"] is None:
            continue
        # What is right of a bound in the picture is above it in the numbers.
        (low, high), width = claim["accepted"], 340
        rect = picture.locator(".accepted").evaluate(
            "r => [r.x.baseVal.value, r.x.baseVal.value + r.width.baseVal.value]"
        )
        for value, x in zip(values, seeds, strict=True):
            assert (low is None or value > low) == (x > rect[0]) or value == low
            assert (high is None or value < high) == (x < rect[1]) or value == high
        bar = picture.locator(".mean:not(.cap)").evaluate("l => [l.x1.baseVal.value, l.x2.baseVal.value]")
        inside = rect[0] < bar[0] and (bar[1] < rect[1] or rect[1] == width)
        assert inside == (claim["verdict"] == "holds"), claim["text"]


def test_course_opens_the_chart_and_the_table_of_a_finding(page: Page, findings: list[dict[str, Any]]) -> None:
    (families,) = (finding for finding in findings if finding["id"] == "families")
    page.goto("/#/course?open=families")
    card = page.get_by_role("region", name="Families", exact=True)
    expect(card.locator(".chart-plot .chart-line")).to_have_count(len(families["curves"]))
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
    finding: dict[str, Any] = json.loads((SHIPPED / "families.json").read_text())
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
    shipped = json.loads((SHIPPED / "families.json").read_text())["claims"][0]["verdict"]
    expect(first).to_contain_text(f"(shipped: {shipped})")
    expect(page.get_by_text("broken")).to_be_visible()
    expect(page.get_by_role("region", name="All claims")).to_contain_text("1 of ")
