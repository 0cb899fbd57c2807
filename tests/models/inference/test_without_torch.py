"""Serving n-gram and int8 models loads no PyTorch, whose import takes seconds and a hundred megabytes."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKPOINTS = Path(__file__).parents[3] / "checkpoints"
PROGRAM = """
import sys
from pathlib import Path
from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import load
from models.evaluation.evaluator import evaluate
from models.inference.config import SamplingParams
from models.inference.generation import generate, make_sequences
from models.inference.prediction.next_token import next_tokens
from models.inference.prediction.predictions import NextTokenQuery
from models.inference.scoring import score_texts
from models.utils.progress import run_to_completion

checkpoint = load(Path(sys.argv[1]), families=FAMILIES_BY_PRECISION["int8"])
model, tokenizer = checkpoint.model, checkpoint.tokenizer
assert run_to_completion(score_texts(model, tokenizer, ["What is this?", "It is."], context="Well,"))[0].logprob < 0
assert run_to_completion(evaluate(model, tokenizer, ["What is this?\\n"], "document")).perplexity > 1
for params in (SamplingParams(seed=1, max_tokens=5), SamplingParams(seed=1, max_tokens=5, top_k=3)):
    sequences = make_sequences(tokenizer, "Once upon a time", params, 2)
    assert len(list(generate(model, sequences))) >= 2
assert model.topk_after(tokenizer.encode("Once").ids, 3)[1].shape == (3,)
model.warm_up()
(prediction,) = run_to_completion(next_tokens(model, tokenizer, ["Once upon"], NextTokenQuery(explain=True)))
assert prediction.explanation
sys.exit("torch was imported" if "torch" in sys.modules else 0)
"""


@pytest.mark.parametrize("name", ["gutenberg-kn", "gutenberg-lstm", "gutenberg-mix"])
def test_serving_ngram_and_int8_models_loads_no_torch(name: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, str(CHECKPOINTS / name / "1")], check=True)


def test_building_the_service_loads_no_torch() -> None:
    subprocess.run([sys.executable, "-c", "import app.main, sys; sys.exit('torch' in sys.modules)"], check=True)
