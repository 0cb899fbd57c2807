"""The page's frame: every view opens, by link and by address, without a complaint."""

import pytest
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


@pytest.mark.parametrize("name", VIEWS)
def test_view_opens_by_its_address_and_by_its_link(page: Page, name: str) -> None:
    page.goto(f"/#/{name}")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_be_visible()
    navigation = page.get_by_role("navigation")
    expect(navigation.locator("[aria-current=page]")).to_have_text(VIEWS[name])
    title = page.title()
    page.goto("/#/nothing")
    expect(heading).to_have_text("No such view")
    navigation.get_by_role("link", name=VIEWS[name], exact=True).click()
    expect(heading).to_be_focused()
    expect(page).to_have_title(title)
