"""Pipeline of datatrove with a filter of ours, by its own reader, executor and writer.

It needs `datatrove`: in this environment, or in that of the Python that the variable NEXTWORD_DATATROVE_PYTHON names,
as its dependencies are many.
"""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest

from models.utils.compression import create_compressed
from nextword.filters.text_filter import TextFilter
from tests.helpers.command_line import python_with
from tests.helpers.serving import TEXT, ngram, publish

ROOT = Path(__file__).parents[3]
SENTENCES = [line for line in TEXT.split("\n") if line.strip()][:50]
PROGRAM = """
import sys
sys.path += sys.argv[1:3]
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from nextword.filters.datatrove import NextwordFilter
from nextword.filters.text_filter import TextFilter

folder, limit = sys.argv[3], float(sys.argv[4])
keep = TextFilter("words", checkpoints=f"{folder}/checkpoints", config={"max": limit})
LocalPipelineExecutor(
    pipeline=[
        JsonlReader(f"{folder}/in", compression="zstd"),
        NextwordFilter(keep, exclusion_writer=JsonlWriter(f"{folder}/dropped", compression=None), batch_size=8),
        JsonlWriter(f"{folder}/kept", compression=None),
    ],
    tasks=2,
    workers=1,
    logging_dir=f"{folder}/logs",
).run()
"""


def read(folder: Path) -> list[dict]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


@pytest.mark.clients
def test_datatrove_keeps_what_the_filter_keeps(tmp_path: Path) -> None:
    python = python_with("datatrove", "NEXTWORD_DATATROVE_PYTHON")
    publish(tmp_path / "checkpoints", "words", ngram())
    (tmp_path / "in").mkdir()
    for part in range(2):
        with create_compressed(tmp_path / "in" / f"{part}.jsonl.zst", ".zst") as file:
            for i, text in list(enumerate([*SENTENCES, "zebra zebra", "\n"]))[part::2]:
                file.write(json.dumps({"id": f"{i}", "text": text}).encode() + b"\n")
    scored = TextFilter("words", checkpoints=tmp_path / "checkpoints").judge(SENTENCES)
    limit = sorted(text.scores["bits_per_byte"] for text in scored)[len(scored) // 2]
    arguments = [str(ROOT), sysconfig.get_path("purelib"), str(tmp_path), repr(limit)]
    run = subprocess.run([python, "-c", PROGRAM, *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    kept, dropped = read(tmp_path / "kept"), read(tmp_path / "dropped")
    expected = {text: judged.scores for text, judged in zip(SENTENCES, scored, strict=True)}
    likely = {text for text, scores in expected.items() if scores["bits_per_byte"] <= limit}
    assert {document["text"] for document in kept} == likely
    for document in kept:
        for name, value in expected[document["text"]].items():
            assert document["metadata"][name] == pytest.approx(value)
    reasons = {document["text"]: document["metadata"]["filter_reason"] for document in dropped}
    assert reasons == dict.fromkeys([*expected.keys() - likely, "zebra zebra", "\n"], "max")
