"""Pipeline of NeMo Curator with a stage of ours, by its own reader, executor and writer.

It needs `nemo-curator`: in this environment, or in that of the Python that the variable NEXTWORD_NEMO_PYTHON names, as
its dependencies are many.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from nextword.filters.text_filter import TextFilter
from tests.helpers.command_line import python_with
from tests.helpers.serving import TEXT, ngram, publish

ROOT = Path(__file__).parents[3]
SENTENCES = [line for line in TEXT.split("\n") if line.strip()][:50]
PROGRAM = """
import sys
sys.path += sys.argv[1:3]
from nemo_curator.backends.ray_data import RayDataExecutor
from nemo_curator.pipeline import Pipeline
from nemo_curator.stages.text.io.reader import JsonlReader
from nemo_curator.stages.text.io.writer import JsonlWriter
from nextword.filters.nemo_curator import NextwordStage
from nextword.filters.text_filter import TextFilter
import ray

folder, limit = sys.argv[3], float(sys.argv[4])
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 << 20)
keep = TextFilter("words", checkpoints=f"{folder}/checkpoints", config={"max": limit})
pipeline = Pipeline(name="filter")
for stage in (JsonlReader(f"{folder}/in"), NextwordStage(keep), JsonlWriter(f"{folder}/kept")):
    pipeline.add_stage(stage)
pipeline.run(RayDataExecutor())
"""


@pytest.mark.clients
@pytest.mark.prove
def test_nemo_curator_keeps_what_the_filter_keeps(tmp_path: Path) -> None:
    python = python_with("nemo_curator.pipeline", "NEXTWORD_NEMO_PYTHON")
    publish(tmp_path / "checkpoints", "words", ngram())
    (tmp_path / "in").mkdir()
    for part in range(2):
        lines = [json.dumps({"text": text}) for text in [*SENTENCES, "zebra zebra", ""][part::2]]
        (tmp_path / "in" / f"{part}.jsonl").write_text("\n".join(lines) + "\n")
    scored = TextFilter("words", checkpoints=tmp_path / "checkpoints").judge(SENTENCES)
    limit = sorted(text.scores["bits_per_byte"] for text in scored)[len(scored) // 2]
    arguments = [str(ROOT), sysconfig.get_path("purelib"), str(tmp_path), repr(limit)]
    environment = {**os.environ, "RAY_ADDRESS": "local", "RAY_USAGE_STATS_ENABLED": "0"}
    command = [python, "-c", PROGRAM, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env=environment)
    assert run.returncode == 0, run.stderr[-3000:]
    files = sorted((tmp_path / "kept").glob("*.jsonl"))
    kept = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    expected = {text: judged.scores for text, judged in zip(SENTENCES, scored, strict=True)}
    assert {document["text"] for document in kept} == {t for t, s in expected.items() if s["bits_per_byte"] <= limit}
    for document in kept:
        assert document.keys() == {"text", *expected[document["text"]]}
        for name, value in expected[document["text"]].items():
            assert document[name] == pytest.approx(value, rel=1e-9)
