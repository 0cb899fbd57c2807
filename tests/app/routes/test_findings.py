"""Findings over HTTP: those shipped, those measured here, and files that are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.schemas.base import ErrorAnswer
from app.schemas.findings import FindingDetail, FindingList
from app.storage.findings import SHIPPED, record
from tests.helpers.serving import Server, get, serving


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("findings")
    (folder / "none").mkdir()
    with serving(folder / "none", data=folder / "data") as running:
        yield running


@pytest.fixture
def local(own: Server) -> Iterator[Path]:
    folder: Path = own.app.state.settings.data / "findings"
    folder.mkdir(exist_ok=True)
    yield folder
    for path in folder.iterdir():
        path.unlink()


def shipped(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SHIPPED / f"{name}.json").read_text())
    return content


def test_list_findings_has_those_shipped(own: Server) -> None:
    answer = get(f"{own.url}/v1/findings").json()
    FindingList.model_validate(answer)
    names = sorted(path.stem for path in SHIPPED.glob("*.json"))
    assert [(finding["id"], finding["source"]) for finding in answer["data"]] == [(name, "shipped") for name in names]
    families = answer["data"][names.index("families")]
    verdicts = [{name: claim[name] for name in ("text", "verdict")} for claim in shipped("families")["claims"]]
    assert (families["claims"], families["command"]) == (verdicts, shipped("families")["run"]["command"])
    assert answer["problems"] == []


def test_describe_finding_is_the_file(own: Server) -> None:
    answer = get(f"{own.url}/v1/findings/families").json()
    FindingDetail.model_validate(answer)
    content = shipped("families")
    assert answer.items() >= {name: content[name] for name in ("claims", "rows", "curves", "axes", "run")}.items()
    assert (answer["id"], answer["source"], answer["logarithmic"]) == ("families", "shipped", True)


def test_describe_finding_prefers_what_was_measured_here(own: Server, local: Path) -> None:
    record(local, "families", json.dumps(shipped("families") | {"note": "on this machine"}))
    assert get(f"{own.url}/v1/findings/families").json()["note"] == "on this machine"
    assert get(f"{own.url}/v1/findings/families?source=shipped").json()["note"] == ""
    sources = [finding["source"] for finding in get(f"{own.url}/v1/findings").json()["data"]]
    assert sources.count("local") == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"claims": 3}, "claims: must be a list"),
        ({"run": {}}, "run.created_at: required"),
        ({"rows": [{"x": [1]}]}, "rows.0.x"),
        ({"curves": [{"label": "a", "x": ["1"], "y": []}]}, "curves.0.x.0: must be a number"),
    ],
)
def test_findings_name_what_is_wrong_with_a_file(
    own: Server, local: Path, change: dict[str, Any], problem: str
) -> None:
    record(local, "cats", json.dumps(shipped("families") | change))
    answer = get(f"{own.url}/v1/findings").json()
    FindingList.model_validate(answer)
    (listed,) = answer["problems"]
    assert (listed["id"], listed["source"]) == ("cats", "local")
    assert problem in listed["message"]
    refused = get(f"{own.url}/v1/findings/cats")
    assert (refused.status_code, refused.json()["error"]["message"]) == (404, listed["message"])


def test_describe_finding_says_which_there_are(own: Server) -> None:
    answer = get(f"{own.url}/v1/findings/dogs")
    ErrorAnswer.model_validate(answer.json())
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert "families" in answer.json()["error"]["message"]


def test_describe_finding_refuses_an_unknown_source(own: Server) -> None:
    error = get(f"{own.url}/v1/findings/families?source=elsewhere").json()["error"]
    assert (error["code"], error["param"]) == ("invalid_input", "source")
