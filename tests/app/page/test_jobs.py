"""Jobs on the page of a service whose worker is the test: their list, states, events and curves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from app.jobs.leases import Lease, LeaseStore
from app.jobs.outlook import NOT_BEGUN
from tests.app.page.drawn_lines import drawn_lines
from tests.app.page.test_views import OVERFLOW, violations
from tests.helpers.jobs import ask
from tests.helpers.serving import Server, get, serving, wait_for

JOBS = 23


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with jobs that nobody does: the first is cancelled."""
    with (
        serving(tmp_path_factory.mktemp("jobs") / "checkpoints") as running,
        httpx.Client(base_url=running.url, timeout=60) as client,
    ):
        body = {"name": "waiting", "kind": "ngram", "training_file": "file-sample"}
        jobs = [ask(client, **body) for _ in range(JOBS)]
        client.post(f"/v1/jobs/{jobs[0]['id']}/cancel").raise_for_status()
        yield running


@pytest.fixture(scope="module")
def service(own: Server) -> str:
    return own.url


@pytest.fixture
def leases(own: Server) -> LeaseStore:
    found: LeaseStore = own.app.state.stores.leases
    return found


def claim(leases: LeaseStore) -> Lease:
    """The oldest job that waits, begun by a worker."""
    claimed = leases.claim("worker-1", 60)
    assert claimed is not None
    return claimed[1]


def training(step: int, **metrics: float) -> tuple[dict[str, Any], dict[int, dict[str, float | None]]]:
    """Progress and metrics of a training that has come to a step of a hundred."""
    progress = {**NOT_BEGUN, "phase": "training", "step": step, "steps": 100, "fraction": step / 100, "epoch": 1.5}
    return progress | {"metrics": metrics, "seconds_left": 12.0}, {step: dict(metrics)}


def test_jobs_are_listed_page_by_page(page: Page, service: str) -> None:
    page.goto("/#/jobs")
    rows = page.locator(".job-list").get_by_role("listitem")
    expect(rows).to_have_count(20)
    listed = get(f"{service}/v1/jobs").json()["data"]
    assert rows.get_by_role("link").all_inner_texts() == [job["model"] for job in listed]
    expect(rows.first).to_contain_text("waits")
    expect(rows.first).to_contain_text("No worker takes it up")
    page.get_by_role("link", name="Older jobs").click()
    expect(rows).to_have_count(JOBS - 20)
    expect(rows.last).to_contain_text("cancelled")
    assert f"after={listed[-1]['id']}" in page.url
    page.get_by_role("link", name="Newest jobs").click()
    expect(rows).to_have_count(20)


def test_jobs_of_one_state_have_an_address(page: Page) -> None:
    page.goto("/#/jobs")
    page.get_by_label("State").select_option("cancelled")
    rows = page.locator(".job-list").get_by_role("listitem")
    expect(rows).to_have_count(1)
    assert page.url.endswith("#/jobs?status=cancelled")
    page.goto("/#/jobs?status=failed")
    expect(page.get_by_text("There is no such job.")).to_be_visible()


def test_job_that_waits_says_for_what_and_is_cancelled_at_once(page: Page, service: str) -> None:
    page.goto("/#/jobs")
    page.locator(".job-list").get_by_role("link").first.click()
    # The list, each of whose jobs says the same, may still be there.
    job = page.get_by_role("region", name="waiting", exact=False)
    expect(job.get_by_text("No worker takes it up: none seems to run")).to_be_visible()
    page.get_by_role("button", name="Cancel this job").click()
    page.get_by_role("button", name="Yes, cancel it").click()
    expect(page.locator(".job-state")).to_have_text("cancelled")
    events = page.locator(".job-events").get_by_role("listitem")
    expect(events).to_have_count(2)
    expect(events.last).to_contain_text("Cancelled; nothing of it is kept.")


def test_job_that_is_not_there_is_said_so(page: Page, complaints: list[str]) -> None:
    page.goto("/#/jobs?job=job-none")
    expect(page.get_by_role("alert")).to_contain_text("there is no job 'job-none'")
    complaints.clear()


def test_job_moves_as_its_worker_reports_and_is_resumed_by_another(page: Page, leases: LeaseStore) -> None:
    lease = claim(leases)
    page.goto(f"/#/jobs?job={lease.job_id}")
    for step, loss in ((10, 6.0), (20, 5.0), (30, 4.5)):
        leases.renew(lease, 60, *training(step, loss=loss, gradient_norm=1.0, clipped_fraction=0.25))
    expect(page.locator(".job-progress")).to_have_text(
        "Training: step 30 of 100, pass 2, about 12 s left in this phase."
    )
    assert page.get_by_role("progressbar").get_attribute("value") == "0.3"
    loss = page.get_by_role("figure", name="Loss", exact=True)
    points = [(10, 6.0), (20, 5.0), (30, 4.5)]
    wait_for(lambda: len(drawn_lines(loss)["training"]) == 3)
    assert drawn_lines(loss)["training"] == [pytest.approx(point, abs=0.1) for point in points]
    expect(page.get_by_role("figure", name="Share of steps whose gradient was clipped")).to_be_visible()

    page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true })")
    for scheme, width in (("light", 1280), ("dark", 360)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 800})
        assert violations(page) == [], scheme
        assert page.evaluate(OVERFLOW) <= 0

    cancel = page.get_by_role("button", name="Cancel this job")
    cancel.focus()
    leases.release(lease, lost="killed by signal 9")
    expect(page.get_by_text("Its worker was lost: killed by signal 9.")).to_be_visible()
    again = claim(leases)
    expect(page.get_by_text("Resumed: attempt 2, by worker worker-1.")).to_be_visible()
    expect(page.get_by_text("resumed, attempt 2", exact=True)).to_be_visible()
    expect(cancel).to_be_focused()
    leases.renew(again, 60, *training(20, loss=5.5), rewind=10)
    wait_for(lambda: len(drawn_lines(loss)["training"]) == 2)
    assert drawn_lines(loss)["training"] == [pytest.approx(point, abs=0.1) for point in ((10, 6.0), (20, 5.5))]

    leases.fail(again, "training_failed", "the loss of step 21 is not finite")
    expect(page.locator(".job-state")).to_contain_text("failed")
    expect(page.get_by_text("a lower learning rate may help")).to_be_visible()
    expect(page.get_by_text("The loss of step 21 is not finite.", exact=False).first).to_be_visible()
    page.get_by_role("link", name="All jobs").click()
    page.get_by_label("State").select_option("failed")
    row = page.locator(".job-list").get_by_role("listitem")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("resumed, attempt 2")
    expect(row).to_contain_text("a lower learning rate may help")


def test_job_draws_every_measurement_of_held_out_text_and_says_figures_in_words(page: Page, leases: LeaseStore) -> None:
    lease = claim(leases)
    page.goto(f"/#/jobs?job={lease.job_id}")
    # The figures of step 10 are those of step 8, repeated; at step 16 they are measured again.
    for step, loss in ((8, 0.7), (10, 0.7), (16, 0.6)):
        leases.renew(lease, 60, *training(step, validation_loss=loss, validation_accuracy=0.875))
    chart = page.get_by_role("figure", name="Figures on held-out examples", exact=True)
    wait_for(lambda: len(drawn_lines(chart).get("Right", [])) == 2)
    assert drawn_lines(chart)["Right"] == [pytest.approx(point, abs=0.1) for point in ((8, 0.875), (16, 0.875))]
    figures = page.locator(".job-figures")
    expect(figures).to_contain_text("Right, on held-out text")
    expect(figures).to_contain_text("87.5 %")
    leases.fail(lease, "training_failed", "the loss of step 17 is not finite")
    expect(page.locator(".job-state")).to_contain_text("failed")


def test_job_under_way_is_cancelled_after_a_second_thought(page: Page, leases: LeaseStore) -> None:
    lease = claim(leases)
    page.goto(f"/#/jobs?job={lease.job_id}")
    expect(page.locator(".job-state")).to_have_text("at work")
    page.get_by_role("button", name="Cancel this job").click()
    page.get_by_role("button", name="No, go on").click()
    expect(page.get_by_role("button", name="Cancel this job")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Yes, cancel it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".job-state")).to_have_text("is being cancelled")
    leases.confirm_cancelled(lease)
    expect(page.locator(".job-state")).to_have_text("cancelled")
    expect(page.get_by_text("Cancelled; nothing of it is kept.")).to_be_visible()


def test_job_goes_on_where_its_stream_broke(
    page: Page, service: str, leases: LeaseStore, complaints: list[str]
) -> None:
    lease = claim(leases)
    asked: list[str | None] = []

    def cut(route: Route) -> None:
        asked.append(route.request.headers.get("last-event-id"))
        if len(asked) == 1:
            events = get(f"{service}/v1/jobs/{lease.job_id}/events").json()["data"]
            first = f"id: {events[0]['id']}\nevent: queued\ndata: {json.dumps(events[0]['data'])}\n\n"
            route.fulfill(body=first, content_type="text/event-stream")  # and ends before the job does
        elif len(asked) == 2:
            route.abort()
        else:
            route.continue_()

    page.route("**/events", cut)
    page.goto(f"/#/jobs?job={lease.job_id}")
    expect(page.get_by_text("the job itself goes on. Trying again in")).to_be_visible()
    expect(page.get_by_text("The connection is back; nothing was missed.")).to_be_visible()
    events = page.locator(".job-events").get_by_role("listitem")
    expect(events).to_have_count(2)
    page.route(f"**/v1/jobs/{lease.job_id}", lambda route: route.abort(), times=1)
    leases.succeed(lease, {"model": "waiting@5"})
    expect(events.last).to_contain_text("Done: waiting@5 is published.")
    expect(events).to_have_count(3)
    assert asked == ["0", "1", "1", "2"]  # the event whose job could not be read comes again
    complaints.clear()
