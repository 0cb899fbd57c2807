"""Dataset of Ray Data with a filter of ours, beside `nextword select` of the same records.

It needs `ray[data]`: in this environment, or in that of the Python that the variable NEXTWORD_RAY_PYTHON names, as its
dependencies are many.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from models.selection.config import SelectionConfig
from models.selection.measures import LanguageModelMeasure
from models.selection.selection import select
from models.utils.progress import run_to_completion
from tests.helpers.command_line import python_with
from tests.helpers.serving import TEXT, WORDS, ngram, publish

ROOT = Path(__file__).parents[3]
SENTENCES = [line for line in TEXT.split("\n") if line.strip()][:60]
RECORDS: list[dict[str, Any]] = [{"id": i, "text": text} for i, text in enumerate([*SENTENCES, "zebra zebra", ""])]
PROGRAM = """
import json, sys
sys.path += sys.argv[1:3]
import ray
from nextword.filters.ray import filter_dataset
from nextword.filters.text_filter import TextFilter

folder, configs = sys.argv[3], json.loads(sys.argv[4])
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 << 20)
for name, config in configs.items():
    keep = TextFilter("words", checkpoints=f"{folder}/checkpoints", config=config)
    with open(f"{folder}/{name}.jsonl", "w") as file:
        for record in filter_dataset(ray.data.read_json(f"{folder}/in"), keep, batch_size=16).iter_rows():
            file.write(json.dumps(record) + "\\n")
"""


def by_id(paths: list[Path]) -> dict[int, dict[str, Any]]:
    records = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    return {record["id"]: record for record in records}


def selected(tmp_path: Path, config: dict[str, Any]) -> dict[int, dict[str, Any]]:
    measure, output = LanguageModelMeasure(ngram(), WORDS, SelectionConfig(**config)), tmp_path / "selected.jsonl"
    paths = sorted((tmp_path / "in").iterdir())
    run_to_completion(select(paths, measure, SelectionConfig(**config), output, tmp_path / "work"))
    for path in (tmp_path / "work").iterdir():
        path.unlink()
    return by_id([output])


@pytest.mark.clients
@pytest.mark.prove
def test_ray_data_keeps_what_select_keeps(tmp_path: Path) -> None:
    python = python_with("ray.data", "NEXTWORD_RAY_PYTHON")
    publish(tmp_path / "checkpoints", "words", ngram())
    (tmp_path / "in").mkdir()
    for part in range(2):
        lines = [json.dumps(record) + "\n" for record in RECORDS[part::2]]
        (tmp_path / "in" / f"{part}.jsonl").write_text("".join(lines))
    scored = selected(tmp_path, {})
    figures = sorted(record["scores"].get("bits_per_byte", 0) for record in scored.values())
    low, high = figures[20], figures[40]
    configs = {"scored": {}, "kept": {"max": low}, "parts": {"cutoffs": {"*": [low, high]}, "keep": ["head", "tail"]}}
    environment = {**os.environ, "RAY_ADDRESS": "local", "RAY_USAGE_STATS_ENABLED": "0"}
    arguments = [str(ROOT), sysconfig.get_path("purelib"), str(tmp_path), json.dumps(configs)]
    command = [python, "-c", PROGRAM, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env=environment)
    assert run.returncode == 0, run.stderr[-3000:]
    for name, config in configs.items():
        found, expected = by_id([tmp_path / f"{name}.jsonl"]), selected(tmp_path, config)
        assert found.keys() == expected.keys()
        for record in found.values():
            record["scores"] = {key: value for key, value in record["scores"].items() if value is not None}
        for record in expected.values():
            record["scores"].pop("line", None)  # of a bad record, which a dataset does not know
        assert found == expected
