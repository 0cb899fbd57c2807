"""The command that finds weights of rescoring."""

import json
from pathlib import Path

import pytest

from models.checkpoint.load import load
from models.data.labelled.nbest import read_nbest
from models.evaluation.rescoring.nbest_scores import Scorer
from models.evaluation.rescoring.tuning import tune
from models.utils.progress import run_to_completion
from tests.helpers.command_line import Run

REFERENCES = ["the cat saw a bird", "a dog saw the cat", "the old bird saw a dog"]


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    file = tmp_path / "lists.jsonl"
    rows = [
        {
            "reference": text,
            "hypotheses": [{"text": " ".join(reversed(text.split())), "score": -1}, {"text": text, "score": -2 - i}],
        }
        for i in range(4)
        for text in REFERENCES
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_tune_prints_weights_and_error_rates(nextword: Run, published: Path, lists: Path) -> None:
    done = nextword("tune", "words", lists, "--with", "letters", "--quiet", "--json")
    assert done.status == 0, done.err
    content = json.loads(done.out)
    loaded = [load(published / name / "1") for name in ("words", "letters")]
    scorers = [Scorer(model.language_model, model.tokenizer) for model in loaded]
    expected = run_to_completion(tune(read_nbest(lists), scorers))
    assert content["error_rate"] == expected.error_rates
    assert content["error_rate"]["tuned"] == 0 < content["error_rate"]["first_pass"]
    assert content["weights"] == {
        "score_weight": 1.0,
        "lm_weight": expected.weights.lm_weights[0],
        "models": [{"model": "letters@1", "weight": expected.weights.lm_weights[1], "oov_penalty": 0.0}],
        "word_bonus": 0.0,
        "oov_penalty": 0.0,
        "zero_logprob": -100.0,
    }
    shown = nextword("tune", "words", lists, "--with", "letters", "--quiet").out.splitlines()
    assert shown[0] == "words@1: 12 lists, 24 hypotheses, 64 words of reference"
    assert json.loads(shown[-1]) == content["weights"]
    assert len(shown) == 6


def test_tune_names_the_line_at_fault(nextword: Run, lists: Path) -> None:
    lists.write_text(lists.read_text() + '\n{"reference": "a"}')
    done = nextword("tune", "words", lists)
    assert done.status == 2
    assert "line 13: must be an object" in done.err
