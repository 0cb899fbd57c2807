"""Training on the page: a file, a kind, an estimate, a start, curves, and the model that opens."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from models.recipes.task_kinds import TASK_KINDS
from tests.app.page.drawn_lines import Line, drawn_lines, off_the_line
from tests.helpers.jobs import PACE, over, upload, working
from tests.helpers.serving import TEXT, Server, serving, wait_for

PATIENCE = 240_000
"""Milliseconds that a job may take on a busy machine."""
EXAMPLES = {
    "pasted.txt": ("a.txt", "the cat sat\n"),
    "pasted.csv": ("a.csv", "text,label\n" + "a fine film,good\na dull film,bad\n" * 10),
    "pasted.conll": ("a.conll", "the\tO\ncat\tB-ANIMAL\n\n" * 10),
    "pasted.json": (
        "a.json",
        '{"data": [{"title": "t", "paragraphs": [{"context": "the cat sat", "qas": [{"id": "1", "question": "who?", '
        '"answers": [{"text": "cat", "answer_start": 4}]}]}]}]}',
    ),
}
"""A file for each ending that a kind of model reads, by the name that the page gives pasted text."""
STARTED = re.compile(r"#/jobs\?job=(job-\w+)&open=1")


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with a worker, and no model."""
    checkpoints = tmp_path_factory.mktemp("train") / "checkpoints"
    with serving(checkpoints, **PACE, job_save_seconds=0.2) as running, working(running):
        yield running


@pytest.fixture(scope="module")
def service(training: Server) -> str:
    return training.url


@pytest.fixture
def client(service: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service, timeout=60) as opened:
        yield opened


def started(page: Page, client: httpx.Client) -> dict:
    """The job that was started by the button."""
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(STARTED)
    found = STARTED.search(page.url)
    assert found
    return dict(client.get(f"/v1/jobs/{found[1]}").json())


def estimated(client: httpx.Client, body: dict) -> httpx.Response:
    return client.post("/v1/jobs/estimate", json=body)


def chart(page: Page, name: str) -> Locator:
    return page.get_by_role("figure", name=name, exact=True)


def measured(client: httpx.Client, job: dict, name: str) -> Line:
    rows = client.get(f"/v1/jobs/{job['id']}/metrics").json()["data"]
    return [(row["step"], row["values"][name]) for row in rows if name in row["values"]]


def test_train_makes_an_ngram_model_of_a_file_and_opens_it(page: Page, client: httpx.Client) -> None:
    page.goto("/#/train")
    expect(page.get_by_label("File", exact=True)).to_have_value("file-sample")
    content = TEXT.encode()
    page.get_by_label("Upload one").set_input_files({"name": "birds.txt", "mimeType": "text/plain", "buffer": content})
    expect(page.get_by_text("birds.txt is uploaded and chosen.")).to_be_visible()
    file = client.get("/v1/files").json()["data"][0]
    assert (file["filename"], file["bytes"]) == ("birds.txt", len(content))
    expect(page.get_by_label("File", exact=True)).to_have_value(file["id"])
    page.get_by_label("small:").check()
    page.get_by_label("Name of the model").fill("birds")
    body = {"name": "birds", "kind": "ngram", "training_file": file["id"], "config": {"order": 3}}
    estimate = client.post("/v1/jobs/estimate", json=body).json()
    expect(page.get_by_text(f"for {estimate['parameters']:,} numbers in the model")).to_be_visible()
    job = started(page, client)
    assert job["request"] == body
    page.wait_for_url(re.compile("#/next"), timeout=PATIENCE)
    expect(page.get_by_role("heading", level=1)).to_have_text("Next word")
    assert "model=birds" in page.url
    assert over(client, job)["result"]["model"] == "birds@1"


def test_train_shows_the_curves_of_a_network_as_it_was_measured(page: Page, client: httpx.Client) -> None:
    file = upload(client, TEXT, "lines.txt")
    page.goto(f"/#/train?kind=lstm&size=tiny&file={file}&name=small&config.batch_size=4&config.bptt=8")
    page.get_by_text("Advanced settings").click()
    page.locator("summary", has_text="Model").click()
    expect(page.get_by_label("Batch size")).to_have_value("4")
    page.get_by_label("Epochs").fill("3")
    expect(page.get_by_text("At most about")).to_be_visible()
    job = started(page, client)
    page.get_by_label("Open the model when it is published").uncheck()
    assert job["request"]["config"] | {"epochs": 3, "batch_size": 4, "bptt": 8} == job["request"]["config"]
    done = over(client, job)
    expect(page.get_by_role("button", name="Open small@1")).to_be_visible()
    for title, name in (("Loss", "loss"), ("Perplexity", "perplexity"), ("Gradient norm", "gradient_norm")):
        points, figure = measured(client, job, name), chart(page, title)
        assert len(points) > 5
        # Waits: the last measurements may be drawn between the reading of an axis and that of the line.
        wait_for(lambda: off_the_line(next(iter(drawn_lines(figure).values())), points) < 0.01)  # noqa: B023
    expect(chart(page, "Share of steps whose gradient was clipped")).to_be_visible()
    perplexity = done["result"]["metrics"]["validation"]["lines"]["perplexity"]
    shown = page.locator(".job-figures div", has_text="Perplexity, line by line")
    assert float(shown.locator("dd").inner_text()) == pytest.approx(perplexity, rel=1e-3)
    plot = chart(page, "Loss").get_by_role("application")
    plot.press("End")
    reading = chart(page, "Loss").locator(".chart-reading").inner_text()
    last = measured(client, job, "loss")[-1]
    assert reading.startswith(f"step {last[0]:,}: training {float(f'{last[1]:.4g}'):g}")
    page.get_by_role("link", name="Train again with changes").click()
    expect(page.get_by_label("Name of the model")).to_have_value("small")
    assert "config.epochs=3" in page.url


def test_train_takes_pasted_and_dropped_texts(page: Page, client: httpx.Client) -> None:
    page.goto("/#/train?kind=naive_bayes")
    expect(page.get_by_text("Choose a file, and what it takes is said here.")).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Choose a file to learn from first.")).to_be_visible()
    expect(page.get_by_label("File", exact=True)).to_be_focused()
    page.get_by_text("Paste a text instead").click()
    page.get_by_label("Text", exact=True).fill("text,label\n" + "a fine film,good\na dull film,bad\n" * 10)
    page.get_by_role("button", name="Use this text").click()
    expect(page.get_by_text("pasted.csv is uploaded and chosen.")).to_be_visible()
    expect(page.get_by_text("At most about")).to_be_visible()
    dropped = page.evaluate_handle("""() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(["text\\tlabel\\na fine day\\tgood\\na dull day\\tbad\\n".repeat(1)], "days.tsv"));
        return transfer;
    }""")
    page.locator("section.card").first.dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.get_by_text("days.tsv is uploaded and chosen.")).to_be_visible()
    assert client.get("/v1/files").json()["data"][0]["filename"] == "days.tsv"


def test_train_says_what_is_wrong_before_anything_starts(page: Page, complaints: list[str]) -> None:
    page.goto("/#/train?kind=lstm&config.hidden_size=100000&name=huge")
    expect(page.get_by_role("alert")).to_contain_text("this job would take about")
    page.goto("/#/train?kind=ngram&config.order=0&name=none")
    expect(page.get_by_role("alert")).to_contain_text("order: must be a whole number from 1 to 32")
    complaints.clear()


def test_train_takes_a_text_of_another_encoding_and_refuses_what_is_no_text(
    page: Page, client: httpx.Client, complaints: list[str]
) -> None:
    page.goto("/#/train")
    picker = page.get_by_label("Upload one")
    text = "le caf\u00e9 est ferm\u00e9\n" * 20
    picker.set_input_files({"name": "old.txt", "mimeType": "text/plain", "buffer": text.encode("latin-1")})
    expect(page.get_by_role("alert")).to_contain_text("it looks like Latin-1")
    page.get_by_label("Its encoding").select_option("Latin-1")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("old.txt is uploaded and chosen.")).to_be_visible()
    (file,) = (file for file in client.get("/v1/files").json()["data"] if file["filename"] == "old.txt")
    assert file["encoding"] == "latin-1"
    page.get_by_label("Its encoding").select_option("UTF-8 (usual)")
    noise = b"7\xc9\x03\x91 k\x00\xee" * 100
    picker.set_input_files({"name": "noise.bin", "mimeType": "application/octet-stream", "buffer": noise})
    expect(page.get_by_role("alert")).to_contain_text("it looks like no text at all")
    complaints.clear()


def test_train_tells_how_far_an_upload_is_and_stops_it(page: Page, client: httpx.Client) -> None:
    page.goto("/#/train")
    picker = page.get_by_label("Upload one")
    expect(picker).to_be_visible()
    slow = page.context.new_cdp_session(page)
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    slow.send("Network.emulateNetworkConditions", limits)
    picker.set_input_files({"name": "long.txt", "mimeType": "text/plain", "buffer": b"a long text\n" * 400_000})
    bar = page.get_by_role("progressbar", name="Upload of long.txt")
    expect(bar).to_be_visible()
    wait_for(lambda: 0 < float(bar.get_attribute("value") or 0) < 1)
    page.get_by_role("button", name="Stop the upload").click()
    expect(page.get_by_text("The upload was stopped; nothing of it is kept.")).to_be_visible()
    expect(page.get_by_label("File", exact=True)).to_have_value("file-sample")
    assert "long.txt" not in [file["filename"] for file in client.get("/v1/files").json()["data"]]


def test_train_offers_only_what_the_service_accepts(page: Page, client: httpx.Client) -> None:
    files = {ending: upload(client, text, name) for ending, (name, text) in EXAMPLES.items()}
    page.goto("/#/train")
    bodies = page.evaluate(
        """async (files) => {
        const { GROUPS, jobBody, usualName } = await import("./page/parts/training/kinds.js");
        return GROUPS.flatMap(([, kinds]) => kinds).flatMap((kind) => Object.values(kind.sizes)
            .map(([, values]) => jobBody(kind, usualName(kind), files[kind.pasted], values)));
    }""",
        files,
    )
    refused = {body["kind"]: answer.text for body in bodies if (answer := estimated(client, body)).is_error}
    assert refused == {}
    assert {body["kind"] for body in bodies} == {"ngram", "lstm", "gru", "rnn", "feedforward", *TASK_KINDS}
