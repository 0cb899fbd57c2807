"""Upgrade: data, models and a backup of the first versions are read, served and gone on with.

`tools/old_service.py` tells how `first_service.tar.xz` was made.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.cli.main import cli as nextword
from app.storage.database import Database, sqlite_url
from tests.helpers.jobs import left_over, over, working
from tests.helpers.serving import Server, serving
from tools.old_service import QUESTIONS

ARCHIVE = Path(__file__).with_name("first_service.tar.xz")
REDEFINED = {"bits_per_byte", "bits_per_character", "perplexity_per_word", "seed", "word_count"}
"""Fields that mean something else since, as words are what blanks part and unknown ones are spelt, or drawn anew."""
CHANGED = {"estimate", "progress"}
"""Fields of jobs: the first are worked out better since, the last of one that succeeded says that all is done."""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the old service, as it was left."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def answers(old: Path) -> dict[str, Any]:
    """Answers of the old service."""
    content: dict[str, Any] = json.loads((old / "answers.json").read_text())
    return content


@pytest.fixture(scope="module")
def upgraded(old: Path, answers: dict[str, Any]) -> Iterator[Server]:
    """Today's service on the old data and models, after a worker has done the jobs that were left."""
    with serving(old / "checkpoints", data=old / "data", precision="float32", job_niceness=0) as server:
        with working(server), httpx.Client(base_url=server.url, timeout=60) as client:
            for job_id in (*answers["waiting"], answers["interrupted"]):
                over(client, {"id": job_id})
        yield server


@pytest.fixture
def client(upgraded: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=upgraded.url, timeout=60) as opened:
        yield opened


def differences(new: Any, old: Any, place: str = "answer") -> list[str]:
    """Tell where an answer says something else than an older one; added fields are no difference."""
    if isinstance(old, dict) and isinstance(new, dict):
        shared = [name for name in old if name not in REDEFINED]
        return [line for name in shared for line in differences(new.get(name), old[name], f"{place}.{name}")]
    if isinstance(old, list) and isinstance(new, list) and len(new) == len(old):
        return [
            line for i, pair in enumerate(zip(new, old, strict=True)) for line in differences(*pair, f"{place}.{i}")
        ]
    is_same = new == pytest.approx(old, rel=1e-5, abs=1e-5) if isinstance(old, float) else new == old
    return [] if is_same else [f"{place}: {new!r}, was {old!r}"]


def test_differences_tell_numbers_apart() -> None:
    assert differences({"a": [1.0, {"b": None}], "c": 2}, {"a": [1.0000001, {"b": None}]}) == []
    assert differences({"a": [1.0]}, {"a": [1.001]}) == ["answer.a.0: 1.0, was 1.001"]
    assert differences({}, {"a": [1]}) == ["answer.a: None, was [1]"]


@pytest.mark.parametrize("route", QUESTIONS)
def test_old_models_answer_as_they_did(client: httpx.Client, answers: dict[str, Any], route: str) -> None:
    assert len(answers["answers"]) == 6
    for model, by_route in answers["answers"].items():
        answer = client.post(f"/v1/models/{model}/{route}", json=QUESTIONS[route]).raise_for_status().json()
        assert differences(answer, by_route[route], model) == []


def test_old_aliases_jobs_and_files_are_listed(client: httpx.Client, answers: dict[str, Any]) -> None:
    assert client.get("/v1/aliases/production").json()["model"] == "kn@1"
    files = {file["id"]: file for file in client.get("/v1/files").json()["data"]}
    for file in answers["files"]:
        assert differences(files[file["id"]], file) == []
        assert len(client.get(f"/v1/files/{file['id']}/content").content) == file["bytes"]
    jobs = {job["id"]: job for job in client.get("/v1/jobs").json()["data"]}
    for job in answers["jobs"]:
        known = {name: value for name, value in job.items() if name not in CHANGED}
        assert differences(jobs[job["id"]], known) == []
        events = client.get(f"/v1/jobs/{job['id']}/events").json()["data"]
        assert differences(events, answers["events"][job["id"]]) == []
    assert jobs[answers["cancelled"]]["status"] == "cancelled"


def test_jobs_that_waited_are_done(client: httpx.Client, answers: dict[str, Any]) -> None:
    counting, measuring = (client.get(f"/v1/jobs/{job}").json() for job in answers["waiting"])
    assert (counting["status"], counting["model"]) == ("succeeded", "kn@2")
    assert (measuring["status"], measuring["model"]) == ("succeeded", "kn@1")
    # The same text and settings; what was published of them then and now agrees.
    old, new = (client.get(f"/v1/models/kn@{version}").json()["metrics"]["validation"] for version in (1, 2))
    assert differences(new, old) == []
    served = client.post("/v1/models/kn@2/next", json=QUESTIONS["next"]).json()
    assert differences(served, answers["answers"]["kn@1"]["next"] | {"model": "kn@2"}) == []


def test_job_that_ran_goes_on_from_its_old_state(
    client: httpx.Client, upgraded: Server, answers: dict[str, Any]
) -> None:
    job = client.get(f"/v1/jobs/{answers['interrupted']}").json()
    assert (job["status"], job["attempt"], job["error"]) == ("succeeded", 2, None)
    events = client.get(f"/v1/jobs/{job['id']}/events").json()["data"]
    assert [event["event"] for event in events] == ["queued", "started", "lost", "started", "publishing", "succeeded"]
    steps = [metric["step"] for metric in client.get(f"/v1/jobs/{job['id']}/metrics").json()["data"]]
    assert steps == sorted(set(steps))
    assert set(steps) >= set(answers["measured_steps"][:2])
    assert client.get("/v1/models/interrupted@1").json()["metrics"]["validation"]["lines"]["perplexity"] < 1000
    assert left_over(upgraded) == []


def test_old_backup_is_restored(old: Path, answers: dict[str, Any], tmp_path: Path) -> None:
    root, data = tmp_path / "models", tmp_path / "data"
    folders = {"NEXTWORD_CHECKPOINTS": str(root), "NEXTWORD_DATA": str(data)}
    result = CliRunner().invoke(nextword, ["restore", str(old / "backup.tar")], env=folders)
    assert result.exit_code == 0, result.output
    database = Database(sqlite_url(data))
    with database.read() as connection:
        jobs = set(connection.execute(text("SELECT id FROM jobs")).scalars())
        files = set(connection.execute(text("SELECT id FROM files")).scalars())
    database.close()
    assert jobs >= {job["id"] for job in answers["jobs"]}
    assert files >= {file["id"] for file in answers["files"]}
    with serving(root, data=data, precision="float32") as server:
        model = "letters-rnn@1"
        answer = httpx.post(f"{server.url}/v1/models/{model}/next", json=QUESTIONS["next"], timeout=60).json()
        assert differences(answer, answers["answers"][model]["next"]) == []
