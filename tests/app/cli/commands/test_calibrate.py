"""The command that finds thresholds of the gibberish check."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from models.checkpoint.load import load
from models.evaluation.gibberish_thresholds import calibrate
from models.utils.progress import run_to_completion
from tests.helpers.command_line import Run
from tests.helpers.serving import TEXT

PROMPTS = [line for line in TEXT.splitlines() if line.strip()][:30]


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    file = tmp_path / "prompts.txt"
    file.write_text("\n\n".join(PROMPTS), encoding="utf-8")
    return file


def test_calibrate_prints_the_librarys_thresholds(nextword: Run, published: Path, prompts: Path) -> None:
    done = nextword("calibrate", "words", prompts, "--rate", "0.1", "--rate", "0.2", "--window", "4", "--json")
    assert done.status == 0, done.err
    content = json.loads(done.out)
    model = load(published / "words" / "1")
    expected = run_to_completion(calibrate(model.language_model, model.tokenizer, PROMPTS, [0.1, 0.2], 4))
    assert content == {
        "model": "words@1",
        "prompt_count": 30,
        "window": 4,
        "thresholds": [asdict(thresholds) for thresholds in expected],
    }
    shown = nextword("calibrate", "words", prompts, "--rate", "0.1", "--window", "4").out.splitlines()
    assert shown[0] == "words@1: 30 prompts, windows of 4 tokens"
    assert f"{expected[0].window_ppl_threshold:.6g}" in shown[2]


def test_calibrate_reads_standard_input(nextword: Run) -> None:
    done = nextword("calibrate", "words", "-", "--rate", "0.5", stdin=b"the cat\nthe dog\n")
    assert done.out.startswith("words@1: 2 prompts")


@pytest.mark.parametrize("rate", ["0.01", "0", "1.5"])
def test_calibrate_refuses_a_rate_that_it_cannot_tell(nextword: Run, prompts: Path, rate: str) -> None:
    done = nextword("calibrate", "words", prompts, "--rate", rate)
    assert done.status == 2
    assert done.err.startswith("nextword: rate")
