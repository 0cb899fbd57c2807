"""Jobs that score and select records: files in, files out, and again after a loss."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.worker.child.run_job import run_job
from app.worker.run_protocol import (
    BLOCKS_FOLDER,
    Done,
    InputFile,
    Message,
    RunSpec,
    Stopped,
    message_from_json,
    message_to_json,
)
from app.worker.saved.workspaces import Workspaces
from models.selection import selection
from models.utils.compression import decompress_block
from tests.helpers.jobs import PACE, ask, over, upload, working
from tests.helpers.serving import TEXT, Server, naive_bayes, ngram, publish, serving

SENTENCES = [line for line in TEXT.split("\n") if line.strip()][:40]
RECORDS = [{"id": i, "text": text} for i, text in enumerate(SENTENCES)]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    checkpoints = tmp_path_factory.mktemp("records") / "checkpoints"
    publish(checkpoints, "words", ngram())
    publish(checkpoints, "more", ngram(order=2))
    publish(checkpoints, "sorter", naive_bayes())
    with serving(checkpoints, **PACE) as running, working(running):
        yield running


@pytest.fixture(scope="module")
def records(own: Server) -> str:
    lines = "\n".join([*map(json.dumps, RECORDS), "{bad"])
    with httpx.Client(base_url=own.url) as client:
        return upload(client, gzip.compress(lines.encode()), "pages.jsonl.gz")


def content(client: httpx.Client, file: dict) -> list[dict]:
    answer = client.get(f"/v1/files/{file['id']}/content")
    assert answer.status_code == 200
    data = decompress_block(answer.content) if file["filename"].endswith(".zst") else answer.content
    return [json.loads(line) for line in data.splitlines()]


def test_score_job_writes_the_figures_of_perplexity(client: httpx.Client, records: str) -> None:
    job = over(client, ask(client, kind="score", model="words", files=[records]))
    assert job["status"] == "succeeded", job["error"]
    result = job["result"]
    assert (result["model"], result["record_count"], result["error_count"]) == ("words@1", 41, 1)
    assert result["errors"][0]["line"] == 41
    (file,) = result["files"]
    assert file["filename"] == "pages.scored.jsonl.zst"
    stored = client.get(f"/v1/files/{file['id']}").json()
    assert (stored["purpose"], stored["bytes"]) == ("result", file["bytes"])
    *scored, bad = content(client, file)
    assert bad["scores"]["line"] == 41
    figures = client.post("/v1/models/words/perplexity", json={"text": SENTENCES}).json()["results"]
    for record, figure, own_fields in zip(scored, figures, RECORDS, strict=True):
        assert {"id": record["id"], "text": record["text"]} == own_fields
        assert record["scores"]["perplexity"] == pytest.approx(figure["perplexity"], rel=1e-9)
        assert record["scores"]["bits_per_byte"] == pytest.approx(figure["bits_per_byte"], rel=1e-9)


def test_score_job_again_is_the_same_file(client: httpx.Client, records: str) -> None:
    jobs = [over(client, ask(client, kind="score", model="words@1", files=[records])) for _ in range(2)]
    first, second = (job["result"]["files"] for job in jobs)
    assert first == second


def test_select_job_makes_a_file_of_each_bucket(client: httpx.Client, records: str) -> None:
    config = {"percentiles": [30, 60], "figure": "perplexity"}
    body = {"kind": "select", "model": "words", "files": [records, records], "compression": "none", "config": config}
    job = over(client, ask(client, **body))
    assert job["status"] == "succeeded", job["error"]
    files = {file["bucket"]: file for file in job["result"]["files"]}
    assert [file["filename"] for file in files.values()] == [f"pages.{name}.jsonl" for name in files]
    parts = {name: [record["scores"]["perplexity"] for record in content(client, file)] for name, file in files.items()}
    low, high = job["result"]["limits"]["*"]
    values = np.concatenate(list(parts.values()))
    assert (low, high) == (pytest.approx(np.percentile(values, 30)), pytest.approx(np.percentile(values, 60)))
    assert {name: len(part) for name, part in parts.items()} == job["result"]["kept"]
    assert max(parts["head"]) < low <= min(parts["middle"])
    assert job["request"]["model"] == "words@1"


def test_select_job_by_two_models_and_by_labels(client: httpx.Client, records: str) -> None:
    body = {"kind": "select", "files": [records], "config": {"lowest": 50}}
    difference = over(client, ask(client, **body, model="words", against="more"))
    assert difference["request"]["against"] == "more@1"
    kept = content(client, difference["result"]["files"][0])
    assert {record["scores"]["difference"] <= difference["result"]["limits"]["*"][1] for record in kept} == {True}
    routed = over(client, ask(client, **body, model="sorter", routes={"dog": "words", "bird": "more"}))
    assert routed["request"]["routes"] == {"dog": "words@1", "bird": "more@1"}
    assert routed["status"] == "succeeded", routed["error"]
    assert {record["scores"]["label"] for record in content(client, routed["result"]["files"][0])} <= {"dog", "bird"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"kind": "score", "config": {"max": 2}}, "config.max"),
        ({"kind": "select", "config": {}}, "config"),
        ({"kind": "select", "config": {"lowest": 200}}, "config.lowest"),
        ({"kind": "select", "config": {"worst": 3}}, "config.worst"),
        ({"kind": "select", "config": {"max": "2"}}, "config.max"),
        ({"kind": "score", "config": {"unit": "document", "label": "dog"}}, "config.label"),
        ({"kind": "score", "model": "nobody"}, "model"),
        ({"kind": "score", "against": "sorter"}, "against"),
        ({"kind": "score", "against": "more", "config": {"figure": "perplexity"}}, "config.figure"),
        ({"kind": "score", "model": "sorter", "routes": {"cat": "words"}}, "routes.cat"),
        ({"kind": "score", "model": "sorter", "routes": {"dog": "nobody"}}, "routes.dog"),
        ({"kind": "score", "routes": {"dog": "words"}}, "routes"),
        ({"kind": "score", "files": []}, "files"),
        ({"kind": "score", "files": ["file-none"]}, "files.0"),
        ({"kind": "score", "compression": "rar"}, "compression"),
    ],
)
def test_create_job_names_the_fault_of_a_job_of_records(
    client: httpx.Client, records: str, body: dict, param: str
) -> None:
    answer = client.post("/v1/jobs", json={"model": "words", "files": [records]} | body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


def test_create_job_refuses_records_in_another_encoding(client: httpx.Client) -> None:
    file = client.post("/v1/files", content="é".encode("latin-1"), params={"encoding": "latin-1"}).json()["id"]
    answer = client.post("/v1/jobs", json={"kind": "score", "model": "words", "files": [file]})
    assert answer.json()["error"]["param"] == "files.0"
    assert "latin-1" in answer.json()["error"]["message"]


def test_run_job_takes_over_the_blocks_of_a_lost_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "BLOCK_BYTES", 300)
    monkeypatch.setattr("models.selection.sources._READ_BYTES", 200)
    monkeypatch.chdir(tmp_path)
    publish(tmp_path / "checkpoints", "words", ngram())
    (tmp_path / "in").write_text("\n".join(map(json.dumps, RECORDS)))
    spaces = Workspaces(tmp_path / "data", tmp_path / "checkpoints")

    def spec(lease: int) -> RunSpec:
        spaces.prepare("job", lease)
        places = [str(spaces.workdir("job", lease)), str(spaces.staging("job", lease)), str(tmp_path / "checkpoints")]
        request = {"kind": "select", "model": "words@1", "files": ["file-1"], "config": {"lowest": 50}}
        return RunSpec("job", request, *places, 1, 60, InputFile(str(tmp_path / "in"), "in.jsonl"))

    sent: list[Message] = []
    assert run_job(spec(1), sent.append, lambda: len(list(tmp_path.glob("data/jobs/job/1/blocks/*.figures"))) > 1) == (
        Stopped()
    )
    done = {path.name for path in (spaces.workdir("job", 1) / BLOCKS_FOLDER).glob("0*")}
    second = spec(2)
    assert {path.name for path in (spaces.workdir("job", 2) / BLOCKS_FOLDER).glob("0*")} == done
    end = run_job(second, sent.append, lambda: False)
    assert isinstance(end, Done)
    assert message_from_json(json.loads(json.dumps(message_to_json(end)))) == end
    alone = run_job(spec(9), sent.append, lambda: False)
    assert isinstance(alone, Done)
    assert [file.sha256 for file in end.files] == [file.sha256 for file in alone.files]
