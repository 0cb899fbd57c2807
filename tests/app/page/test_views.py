"""Views of the page: accessibility, width, keyboard, and the frame around it."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

VIEWS = {
    "home": "Models",
    "next": "Next word",
    "reading": "Reading",
    "writing": "Writing",
    "fill": "Fill",
    "classify": "Classify",
    "tag": "Tag",
    "answer": "Answer",
    "train": "Train",
    "jobs": "Jobs",
    "course": "Course",
}
FILLED = {
    "next": "model=words&model=lstm&text=the+dog&why=1",
    "reading": "model=words&other=lstm&text=the+dog+saw+a+bird&numbers=1&word=2",
    "writing": "model=lstm&prompt=the&max_tokens=12&seed=1&go=1",
    "fill": "model=fill&left=words&text=the+___+saw+a+bird",
    "classify": "model=classifier&text=the+old+dog",
    "tag": "model=tagger&text=the+old+dog+saw+a+bird",
    "answer": "model=reader&text=the+dog+saw+a+bird&question=what+saw+the+bird",
}
"""Addresses at which a view shows an answer."""
WIDTHS = (360, 768, 2560)
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def open_view(page: Page, name: str) -> None:
    page.goto(f"/#/{name}?{FILLED.get(name, '')}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_load_state("networkidle")


def violations(page: Page) -> list[tuple[str, list[Any]]]:
    """Violations that axe-core finds, by rule, with the elements."""
    found = Axe().run(page).response["violations"]
    return [(rule["id"], [node["html"][:300] for node in rule["nodes"]]) for rule in found]


FOCUS = """
() => {
  const node = document.activeElement;
  if (!node || node === document.body) return null;
  const style = getComputedStyle(node), box = node.getBoundingClientRect();
  node.dataset.reached = "yes";
  return { tag: node.tagName, outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: box.bottom > 0 && box.top < innerHeight && box.width > 0, html: node.outerHTML.slice(0, 200) };
}
"""
MISSED = """
() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter(node =>
  node.checkVisibility() && !node.disabled && node.tabIndex >= 0 && node.type !== "radio" && !node.dataset.reached
).map(node => node.outerHTML)
"""


@pytest.mark.parametrize("name", VIEWS)
def test_view_is_accessible_fits_every_width_and_is_reached_by_the_keyboard(page: Page, name: str) -> None:
    open_view(page, name)
    expect(page.get_by_role("alert")).to_have_count(0)
    walk_through(page)
    unfold(page)
    assert violations(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(OVERFLOW) <= 0, width


@pytest.mark.prove
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", VIEWS)
def test_view_is_accessible_in_the_dark_at_every_width(page: Page, name: str, width: int) -> None:
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    open_view(page, name)
    unfold(page)
    assert violations(page) == []


def walk_through(page: Page) -> None:
    """Press Tab until the page's end: every control is reached, in sight and outlined."""
    for _ in range(300):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None:
            break
        assert focus["seen"], focus
        assert focus["outlined"], focus
    assert page.evaluate(MISSED) == []


def unfold(page: Page) -> None:
    """Open the first things that are folded."""
    page.evaluate("[...document.querySelectorAll('details')].slice(0, 3).forEach(node => { node.open = true })")
    page.wait_for_load_state("networkidle")


def test_navigation_leads_to_every_view(page: Page) -> None:
    page.goto("/")
    navigation, heading = page.get_by_role("navigation"), page.get_by_role("heading", level=1)
    for title in [*VIEWS.values()][::-1]:
        navigation.get_by_role("link", name=title, exact=True).click()
        expect(navigation.locator("[aria-current=page]")).to_have_text(title)
        expect(heading).to_be_focused()
        expect(page).to_have_title(f"{heading.inner_text()} · Nextword")
    page.go_back()
    expect(navigation.locator("[aria-current=page]")).to_have_text("Next word")
    page.goto("/#/nothing")
    expect(heading).to_have_text("No such view")


def test_menu_opens_and_closes_on_a_narrow_screen(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/")
    menu = page.get_by_role("button", name="Menu")
    navigation = page.get_by_role("navigation")
    expect(navigation).to_be_hidden()
    menu.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(navigation).to_be_hidden()
    menu.click()
    navigation.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
    expect(navigation).to_be_hidden()


def test_skip_link_leads_past_the_navigation(page: Page) -> None:
    page.goto("/#/next")
    page.get_by_role("heading", level=1).wait_for()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    expect(page.get_by_role("heading", level=1)).to_have_text("Next word")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_view_keeps_its_bars_in_colours_of_the_reader(page: Page, scheme: Literal["light", "dark"]) -> None:
    """Forced colors take the grounds of buttons and cells away, of which the bars are made."""
    page.emulate_media(color_scheme=scheme, forced_colors="active")
    page.goto("/#/reading?model=words&text=the+cat+saw")
    word = page.locator(".words .word").first
    expect(word).to_be_visible()
    assert "gradient" in word.evaluate("word => getComputedStyle(word).backgroundImage")
    page.goto("/#/next?model=lstm&why=1&text=the+cat+")
    expect(page.locator(".gates td").first).to_be_visible()
    ground = "cell => getComputedStyle(cell, '::before').backgroundColor"
    surface = page.evaluate("getComputedStyle(document.body).backgroundColor")
    for cell in (page.locator(".bars tbody td").first, page.locator(".gates td").first):
        assert cell.evaluate(ground) != surface
