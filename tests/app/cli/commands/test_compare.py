"""`nextword compare`: every finding as a table, a JSON file and a plot."""

from __future__ import annotations

import json
import random
from hashlib import sha256
from pathlib import Path

import pytest

from app.cli.commands.compare import EXPERIMENTS, format_table
from app.cli.main import run
from app.experiments.claim import always
from app.experiments.finding import Finding
from app.schemas.findings import FindingFile
from app.storage.findings import FINDINGS_FOLDER, FindingStore

SMALL = ("--size", "4", "--seconds", "0.1", "--steps", "4", "--seeds", "2", "--max-size", "20", "--threads", "1")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    numbers = random.Random(3)
    words = [f"w{n}" for n in range(15)]
    path = tmp_path_factory.mktemp("compare") / "text.txt"
    path.write_text("".join(" ".join(numbers.choices(words, k=10)) + "\n" for _ in range(300)))
    return path


def test_compare_writes_rows_curves_and_a_plot_for_every_experiment(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["compare", str(text), *SMALL, "--output", str(tmp_path / "out"), "--json", "--quiet"])
    assert status == 0
    findings = {finding["name"]: finding for finding in map(json.loads, capsys.readouterr().out.splitlines())}
    assert list(findings) == list(EXPERIMENTS)
    for name, finding in findings.items():
        assert json.loads((tmp_path / "out" / f"{name}.json").read_text()) == finding
        assert (tmp_path / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert all(len(curve["x"]) == len(curve["y"]) > 0 for curve in finding["curves"])
    assert [row["kind"] for row in findings["families"]["rows"]] == ["feedforward", "rnn", "gru", "lstm"]
    assert [row["kernel"] for row in findings["families"]["rows"]][1:] == ["step by step"] * 2 + ["oneDNN, fused"]
    reach = {row["kind"]: row for row in findings["vanishing"]["rows"] if row["steps"]}
    assert reach["feedforward"]["share_10"] == 0 < reach["lstm"]["share_10"]
    assert findings["clipping"]["rows"][1]["clip"] > 0
    verdicts = {claim["verdict"] for finding in findings.values() for claim in finding["claims"]}
    assert verdicts <= {"holds", "does not hold", "not decided"}
    assert findings["gates"]["claims"] == []
    assert all(finding["claims"] for name, finding in findings.items() if name != "gates")
    assert findings["changed-word"]["claims"][0]["verdict"] == "holds"
    starts = {"zero", "too large", "xavier", "lecun_normal", "he"}
    assert {row["start"] for row in findings["initialisations"]["rows"]} == starts
    assert findings["gates"]["rows"][-1].keys() > {"token", "input", "forget", "output", "cell_norm"}


def test_compare_prints_one_experiment_as_a_table_without_a_plot(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["compare", str(text), *SMALL, "--only", "gates", "--no-plots", "--output", str(tmp_path / "out")])
    assert status == 0
    assert capsys.readouterr().out.startswith("gates: an LSTM decides at each token")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["gates.json"]


def test_compare_records_findings_where_a_service_reads_them(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTWORD_DATA", str(tmp_path / "data"))
    recorded = ("--only", "gates", "--no-plots", "--quiet", "--record", "--output", str(tmp_path / "out"))
    assert run(["compare", str(text), *SMALL, *recorded]) == 0
    finding = FindingStore(tmp_path / "data" / FINDINGS_FOLDER).get("gates", "local")
    facts = FindingFile.model_validate(finding.content).run
    options = "--max-size 20 --size 4 --seconds 0.1 --steps 4 --seeds 2 --threads 1"
    assert facts.command == f"nextword compare text.txt --only gates {options}"
    assert facts.text_sha256 == sha256(text.read_bytes()).hexdigest()
    assert (facts.threads, facts.created_at > 0, facts.seconds > 0) == (1, True, True)


def test_compare_refuses_an_unknown_experiment(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(text), "--only", "attention"]) == 2
    assert "not 'attention'" in capsys.readouterr().err


def test_compare_measures_published_models_too(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--only", "changed-word", "--model", "shakespeare-char", "--no-plots", "--json", "--quiet")
    assert run(["compare", str(text), *SMALL, *options, "--output", str(tmp_path), "--checkpoints", "checkpoints"]) == 0
    finding = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in finding["rows"]] == ["5-gram", "rnn", "gru", "lstm", "shakespeare-char"]


def test_compare_prints_the_spread_and_the_verdict_of_each_claim() -> None:
    finding = Finding(
        "cats",
        [always("cats purr", "cats", [True])],
        [{"cat": "Tom", "hours": 3.0, "hours_spread": 0.5}],
        [],
        ("x", "y"),
    )
    assert format_table(finding).splitlines() == [
        "cats", "cat    hours", "Tom  3 ± 0.5", "HOLDS: cats purr (cats: 1 ± 0, n = 1)"
    ]  # fmt: skip
