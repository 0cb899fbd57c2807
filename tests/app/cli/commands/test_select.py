"""The command that scores the records of files and keeps some."""

import json
from pathlib import Path

import pytest

from models.utils.compression import open_decompressed
from tests.helpers.command_line import Run
from tests.helpers.serving import TEXT

SENTENCES = [line for line in TEXT.splitlines() if line.strip()][:30]


@pytest.fixture
def records(tmp_path: Path) -> Path:
    file = tmp_path / "records.jsonl"
    lines = [json.dumps({"id": i, "text": text}) for i, text in enumerate(SENTENCES)]
    file.write_text("\n".join([*lines, "{bad"]), encoding="utf-8")
    return file


def read(path: Path) -> list[dict]:
    with open_decompressed(path) as file:
        return [json.loads(line) for line in file]


def test_select_has_the_figures_of_evaluate(nextword: Run, published: Path, records: Path, tmp_path: Path) -> None:
    output = tmp_path / "scored.jsonl.zst"
    done = nextword("select", "words", records, "--output", output, "--json")
    assert done.status == 0, done.err
    content = json.loads(done.out)
    assert content["model"] == "words@1"
    assert (content["record_count"], content["error_count"], content["kept"]) == (31, 1, {"kept": 31})
    assert content["errors"] == [{"file": "records.jsonl", "line": 31, "message": content["errors"][0]["message"]}]
    assert content["files"] == [str(output)]
    assert sorted(tmp_path.iterdir()) == sorted([records, output])
    sentence = tmp_path / "sentence.txt"
    for record in read(output)[:2]:
        sentence.write_text(record["text"])
        evaluated = json.loads(nextword("evaluate", "words", sentence, "--json").out)
        assert record["scores"]["perplexity"] == pytest.approx(evaluated["perplexity"], rel=1e-9)
        assert record["scores"]["bits_per_byte"] == pytest.approx(evaluated["bits_per_byte"], rel=1e-9)


def test_select_prints_what_it_kept_and_where(nextword: Run, published: Path, records: Path, tmp_path: Path) -> None:
    cutoffs = tmp_path / "cutoffs.toml"
    cutoffs.write_text('"*" = [2, 3.5]')
    output = tmp_path / "{bucket}.jsonl"
    done = nextword("select", "words", records, "--output", output, "--cutoffs", cutoffs, "--keep", "head")
    kept = len(read(tmp_path / "head.jsonl"))
    lines = done.out.splitlines()
    assert lines[0] == f"31 records: {kept} head"
    assert lines[1] == "1 bad records, among them:"
    assert lines[2].startswith("  records.jsonl line 31 is not JSON: ")
    assert lines[3:] == ["limits *: 2.0 to 3.5", f"written {tmp_path / 'head.jsonl'}"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lowest", "30", "--max", "2"], "lowest: is one rule"),
        (["--route", "en"], "route: must be LABEL=MODEL"),
        (["--route", "en=words"], "routes: are for the labels of a classifier"),
        (["--label", "en"], "label: is for a classifier"),
        (["--against", "words", "--figure", "perplexity"], "figure: must be one of bits_per_token"),
        (["--unit", "pages"], "unit"),
        (["--format", "parquet"], "format: parquet needs pyarrow"),
    ],
)
def test_select_names_what_is_wrong(
    nextword: Run, published: Path, records: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    done = nextword("select", "words", records, "--output", tmp_path / "out.jsonl", *options)
    assert done.status != 0
    assert message in done.err
    assert not (tmp_path / "out.jsonl").exists()


def test_select_by_the_difference_of_two_models(nextword: Run, published: Path, records: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    done = nextword("select", "words", records, "--output", output, "--against", "words", "--lowest", "50")
    assert done.status == 0, done.err
    assert {record["scores"]["difference"] for record in read(output)} == {0.0}
