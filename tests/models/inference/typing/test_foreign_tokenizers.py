"""Completion in tokens of other programs: words have the probabilities that analysis gives them there, too."""

from __future__ import annotations

import math

import pytest

from models.evaluation.surprisal.analysis import analyze_text
from models.inference.typing.complete import complete
from models.inference.typing.query import CompletionQuery
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.tokenizers import hugging_face_file, sentence_piece_file
from tests.helpers.toy import Bigram


@pytest.fixture(scope="module", params=["gpt2", "bert", "pieces"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp(request.param)
    boundary = {"gpt2": None, "bert": "[SEP]", "pieces": "</s>"}[request.param]
    if request.param == "pieces":
        file = sentence_piece_file(folder / "pieces.model")
    else:
        file = hugging_face_file(folder / "tokenizer.json", request.param)
    return Tokenizer.train(TokenizerConfig(kind="file", file=str(file), boundary=boundary), [])


@pytest.mark.parametrize("context", ["", "the cat", "Numbers such as"])
@pytest.mark.parametrize("typed", ["", "d", "th"])
def test_complete_agrees_with_analysis_in_foreign_tokens(tokenizer: Tokenizer, context: str, typed: str) -> None:
    model = Bigram.random(tokenizer.vocabulary_size, seed=1)
    found = run_to_completion(complete(model, tokenizer, context, CompletionQuery(typed, top_k=3, beam=32)))
    assert len(found.completions) == 3
    for completion in found.completions:
        assert completion.text.startswith(typed)
        text = f"{context} {completion.text}".lstrip()
        analysis = run_to_completion(analyze_text(model, tokenizer, text, eos=False))
        surprisal = analysis.surprisal(analysis.units[-1])
        assert surprisal == pytest.approx(-completion.logprob / math.log(2), abs=1e-3), completion.text
