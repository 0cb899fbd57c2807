"""A training followed on the page while worker and server are killed: nothing is lost or false."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.storage.database import sqlite_url
from tests.app.page.drawn_lines import drawn_lines, off_the_line
from tests.helpers.fleet import Fleet, fleet, text
from tests.helpers.serving import wait_for

pytestmark = pytest.mark.prove
CONFIG = {"layers": 1, "hidden_size": 64, "embedding_size": 64, "epochs": 60, "bptt": 8}
PATIENCE = 400_000
"""Milliseconds until a killed job must be over, on a busy machine."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    root = tmp_path_factory.mktemp("fleet")
    with fleet(root, sqlite_url(root / "jobs.db")) as begun:
        yield begun


@pytest.fixture(scope="module")
def service(running: Fleet) -> str:
    return running.url


@pytest.fixture
def job(running: Fleet, tmp_path: Path) -> str:
    """An LSTM whose training has begun."""
    file = running.client.upload(text(tmp_path / "words.txt"))
    body = {"name": "followed", "kind": "lstm", "training_file": file, "config": CONFIG}
    begun = running.submit(body, tmp_path.name)
    wait_for(lambda: running.metrics(begun), seconds=120, pause=0.2)
    return begun


def curve_is_what_was_measured(page: Page, running: Fleet, job: str) -> None:
    points = [(row["step"], row["values"]["loss"]) for row in running.metrics(job)]
    loss = page.get_by_role("figure", name="Loss", exact=True)
    assert off_the_line(drawn_lines(loss)["training"], points) < 0.01


def test_training_whose_worker_is_killed_goes_on_and_is_marked(page: Page, running: Fleet, job: str) -> None:
    page.goto(f"/#/jobs?job={job}")
    expect(page.get_by_role("figure", name="Loss", exact=True)).to_be_visible()
    assert running.kill("worker")
    expect(page.get_by_text("Its worker was lost")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("resumed, attempt 2", exact=True)).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".job-state")).to_contain_text("done", timeout=PATIENCE)
    curve_is_what_was_measured(page, running, job)
    page.goto("/#/jobs")
    expect(page.locator(".job-list li").first).to_contain_text("resumed, attempt 2")


def test_training_is_followed_on_when_the_server_dies_and_comes_back(
    page: Page, running: Fleet, job: str, complaints: list[str]
) -> None:
    page.goto(f"/#/jobs?job={job}&open=1")
    expect(page.get_by_role("figure", name="Loss", exact=True)).to_be_visible()
    running.processes["service"].kill()
    running.processes["service"].wait()
    expect(page.get_by_text("the job itself goes on. Trying again in")).to_be_visible()
    running.begin("service")
    running.job(job)
    expect(page.get_by_text("The connection is back; nothing was missed.")).to_be_visible(timeout=PATIENCE)
    page.get_by_label("Open the model when it is published").uncheck()
    expect(page.get_by_role("button", name="Open followed")).to_be_visible(timeout=PATIENCE)
    curve_is_what_was_measured(page, running, job)
    events = page.locator(".job-events").get_by_role("listitem")
    expect(events).to_have_count(len(running.events(job)))
    page.get_by_role("button", name="Open followed").click()
    page.wait_for_url(re.compile(r"#/next\?model=followed"))
    complaints.clear()
