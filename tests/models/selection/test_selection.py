"""Selection of files: every record once, in order, with its scores, whatever is killed on the way."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import InvalidInput
from models.selection import selection
from models.selection.config import MANIFEST, SelectionConfig
from models.selection.measures import LanguageModelMeasure, RoutedMeasure
from models.selection.selection import SelectionResult, select
from models.utils.compression import open_decompressed
from models.utils.progress import run_to_completion
from tests.helpers.serving import CHARACTERS, TEXT, WORDS, ngram, recurrent
from tests.models.selection.small_selection import select_small
from tests.models.selection.test_measures import make_router

SENTENCES = [line for line in TEXT.split("\n") if line.strip()][:60]
BAD = ["{bad", "[1]", '{"text": 3}', '{"id": "empty", "text": ""}']


def write_records(path: Path) -> list[dict[str, Any]]:
    """Write all sentences as records, with bad ones between; return the good ones."""
    records = [{"id": i, "text": sentence} for i, sentence in enumerate(SENTENCES)]
    lines = [json.dumps(record) for record in records]
    for place, bad in zip((0, 3, 7, len(lines) + 3), BAD, strict=True):
        lines.insert(place, bad)
    path.write_text("\n".join(lines))
    return records


def run(path: Path, config: SelectionConfig, output: str = "out.jsonl", measure: Any = None) -> SelectionResult:
    measure = measure or LanguageModelMeasure(ngram(), WORDS, config)
    return run_to_completion(select([path], measure, config, path.parent / output, path.parent / "work"))


def read(path: Path) -> list[dict[str, Any]]:
    with open_decompressed(path) as file:
        return [json.loads(line) for line in file.read().splitlines()]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "BLOCK_BYTES", 600)
    monkeypatch.setattr("models.selection.sources._READ_BYTES", 300)


@pytest.mark.parametrize("output", ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst"])
def test_select_without_a_rule_scores_every_record(output: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    records = write_records(path)
    result = run(path, SelectionConfig(), output)
    scored = read(tmp_path / output)
    assert [record for record in scored if "error" not in record["scores"]] == [
        record | {"scores": scores} for record, scores in zip(records, _scores(records), strict=True)
    ]
    assert [record["scores"]["line"] for record in scored if "error" in record["scores"]] == [1, 4, 8, len(scored)]
    assert result.record_count == len(scored) == result.kept["kept"]
    assert result.error_count == len(BAD)
    assert [(file, line) for file, line, _ in result.errors] == [("in.jsonl", line) for line in (1, 4, 8, len(scored))]
    assert result.content()["errors"][1] == {"file": "in.jsonl", "line": 4, "message": "must be a JSON object"}


def _scores(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    measure = LanguageModelMeasure(ngram(), WORDS, SelectionConfig())
    columns = run_to_completion(measure.measure([record["text"] for record in records])).columns
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize("config", [SelectionConfig(lowest=30), SelectionConfig(lowest=30, scores=False)])
def test_select_keeps_a_percentile_and_drops_bad_records(config: SelectionConfig, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    records = write_records(path)
    result = run(path, config)
    figures = np.array([scores["bits_per_byte"] for scores in _scores(records)])
    kept = [records[i] for i in np.flatnonzero(figures <= np.percentile(figures, 30))]
    selected = read(tmp_path / "out.jsonl")
    assert [{"id": record["id"], "text": record["text"]} for record in selected] == kept
    assert all(("scores" in record) == config.scores for record in selected)
    assert result.kept == {"kept": len(kept)}
    assert result.limits == {"*": [None, np.percentile(figures, 30)]}


def test_select_drops_at_once_what_a_threshold_drops(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    records = write_records(path)
    middle = float(np.median([scores["bits_per_byte"] for scores in _scores(records)]))
    result = run(path, SelectionConfig(max=middle))
    assert 0 < result.kept["kept"] < len(records)
    assert all(record["scores"]["bits_per_byte"] <= middle for record in read(tmp_path / "out.jsonl"))
    lines = b"".join(open_decompressed(part).read() for part in (tmp_path / "work").glob("*.lines.zst"))
    assert lines.count(b"\n") == result.kept["kept"]


def test_select_makes_head_middle_and_tail(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    records = write_records(path)
    split = run(path, SelectionConfig(percentiles=(30, 60)), "{bucket}.jsonl.gz")
    parts = {name: read(tmp_path / f"{name}.jsonl.gz") for name in ("head", "middle", "tail")}
    assert {name: len(part) for name, part in parts.items()} == split.kept
    assert sum(split.kept.values()) == len(records)
    for name, part in parts.items():
        assert {record["scores"]["bucket"] for record in part} == {name}
    (low, high) = split.limits["*"]
    (tmp_path / "work").rename(tmp_path / "other")
    together = run(path, SelectionConfig(cutoffs={"*": (low, high)}, keep=("tail", "head")))
    selected = read(tmp_path / "out.jsonl")
    assert [record["id"] for record in selected] == sorted(
        record["id"] for name in ("head", "tail") for record in parts[name]
    )
    assert together.kept == {"head": split.kept["head"], "tail": split.kept["tail"]}


def test_select_routes_by_label_and_counts_what_has_no_model(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("\n".join(SENTENCES))
    router, config = make_router(), SelectionConfig(highest=50)
    first = router.class_labels[0]
    result = run(path, config, measure=RoutedMeasure(router, {first: LanguageModelMeasure(ngram(), WORDS, config)}))
    selected = read(tmp_path / "out.jsonl")
    assert {record["scores"]["label"] for record in selected} == {first}
    assert list(result.limits) == [first]
    labels = run_to_completion(router.measure(SENTENCES)).columns["label"]
    assert result.unrouted_count == sum(label != first for label in labels) > 0


def test_select_of_a_network_yields_progress_within_a_block(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("\n".join(SENTENCES))
    config = SelectionConfig(max=100.0)
    measure = LanguageModelMeasure(recurrent(), WORDS, config)
    steps = list(select([path], measure, config, tmp_path / "out.txt", tmp_path / "work"))
    assert len([step for step in steps if step.phase == "scoring"]) > len(list((tmp_path / "work").glob("*.figures")))
    assert steps[-1].phase == "writing"


def test_select_goes_on_with_blocks_that_are_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, config = tmp_path / "in.jsonl", SelectionConfig(lowest=50)
    write_records(path)
    run(path, config, "whole.jsonl.zst")
    whole = {file.name: file.read_bytes() for file in (tmp_path / "work").iterdir()}
    manifest = tmp_path / "work" / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-20])  # cut off by a kill
    (tmp_path / "work" / "000001.lines.zst").write_bytes(b"damaged")
    measure, measured = LanguageModelMeasure(ngram(), WORDS, config), list[list[str]]()
    original = measure.measure
    monkeypatch.setattr(measure, "measure", lambda texts: (measured.append(list(texts)), original(texts))[1])
    run(path, config, "again.jsonl.zst", measure)
    assert len(measured) == 2
    assert {name: (tmp_path / "work" / name).read_bytes() for name in whole if name != MANIFEST} == {
        name: content for name, content in whole.items() if name != MANIFEST
    }
    assert (tmp_path / "again.jsonl.zst").read_bytes() == (tmp_path / "whole.jsonl.zst").read_bytes()


@pytest.mark.parametrize("file", ["000001.figures", "000001.lines.zst"])
def test_select_does_a_block_again_that_was_altered(tmp_path: Path, file: str) -> None:
    """Blocks may come from another machine: both files must have the hashes of the manifest."""
    path, config = tmp_path / "in.jsonl", SelectionConfig(lowest=50)
    write_records(path)
    run(path, config, "whole.jsonl.zst")
    altered = tmp_path / "work" / file
    content = altered.read_bytes()
    altered.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    run(path, config, "again.jsonl.zst")
    assert altered.read_bytes() == content
    assert (tmp_path / "again.jsonl.zst").read_bytes() == (tmp_path / "whole.jsonl.zst").read_bytes()


def test_select_refuses_the_blocks_of_another_selection(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    write_records(path)
    run(path, SelectionConfig())
    with pytest.raises(InvalidInput, match="blocks of another selection"):
        run(path, SelectionConfig(max=2.0))
    with pytest.raises(InvalidInput, match=r"\{bucket\}"):
        run(path, SelectionConfig(), "{bucket}.jsonl")
    with pytest.raises(InvalidInput, match="must be a folder"):
        run(path, SelectionConfig(), "no/out.jsonl")


def test_select_killed_in_a_block_writes_the_same_bytes(tmp_path: Path) -> None:
    path, work = tmp_path / "in.jsonl", tmp_path / "work"
    path.write_text("\n".join(json.dumps({"id": i, "text": text}) for i, text in enumerate(SENTENCES * 10)))
    output, manifest = tmp_path / "out.jsonl.zst", work / MANIFEST
    killed = subprocess.Popen([sys.executable, "-m", "tests.models.selection.small_selection", str(path), str(output)])
    while killed.poll() is None and not (manifest.exists() and manifest.read_bytes().count(b"\n") > 3):
        time.sleep(0.001)
    killed.kill()
    killed.wait()
    assert not output.exists()
    done = manifest.read_bytes()
    select_small(path, output)
    assert manifest.read_bytes().startswith(done[: done.rfind(b"\n") + 1])
    first = {part.name: part.read_bytes() for part in work.iterdir() if not part.name.startswith(".")}
    shutil.rmtree(work)
    select_small(path, tmp_path / "whole.jsonl.zst")
    assert output.read_bytes() == (tmp_path / "whole.jsonl.zst").read_bytes()
    assert {part.name: part.read_bytes() for part in work.iterdir()} == first


def test_select_reads_characters_as_documents(tmp_path: Path) -> None:
    path = tmp_path / "in.txt.gz"
    path.write_bytes(gzip.compress("\n".join(SENTENCES).encode()))
    config = SelectionConfig(figure="bits_per_character", max=1.5, scores=False)
    run(path, config, "out.txt", LanguageModelMeasure(ngram(CHARACTERS, order=4), CHARACTERS, config))
    kept = (tmp_path / "out.txt").read_text().splitlines()
    assert kept
    assert set(kept) <= set(SENTENCES)
