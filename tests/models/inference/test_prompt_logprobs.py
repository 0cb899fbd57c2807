"""Log-probabilities of prompts equal those of the same tokens as a text, whatever is told beside them."""

import numpy as np
import pytest

from models.inference.prefill import Runtime, prefill
from models.inference.prompt_logprobs import score_prompts
from models.inference.scoring import score_texts
from models.utils.progress import run_to_completion
from tests.helpers.serving import WORDS, ngram, recurrent

TEXTS = ["the old dog saw", "", "a bird", "the zebra and a dog"]


@pytest.mark.parametrize("model", [ngram(), recurrent()], ids=["ngram", "lstm"])
@pytest.mark.parametrize("k", [0, 1, 5])
@pytest.mark.parametrize("chunk_tokens", [2, 1000])
def test_score_prompts_equals_score_texts(model, k, chunk_tokens):
    rows = [WORDS.encode(text).ids for text in TEXTS]
    scores = run_to_completion(score_prompts(model, rows, k, Runtime(chunk_tokens)))
    texts = run_to_completion(score_texts(model, WORDS, TEXTS, eos=False))
    for score, text in zip(scores, texts, strict=True):
        np.testing.assert_allclose(score.logprobs, text.logprobs, rtol=1e-5, atol=1e-6)
        assert score.best.shape == score.best_logprobs.shape == (len(text.ids), k)


@pytest.mark.parametrize("model", [ngram(), recurrent()], ids=["ngram", "lstm"])
@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1], [""]], ids=["several", "one", "empty"])
def test_score_prompts_returns_the_states_that_prefill_makes(model, k, texts):
    rows = [WORDS.encode(text).ids for text in texts]
    scores = run_to_completion(score_prompts(model, rows, k, Runtime(2)))
    for score, row in zip(scores, rows, strict=True):
        after = run_to_completion(prefill(model, row, np.array([len(row)])))
        np.testing.assert_allclose(model.logprobs(score.state), model.logprobs(after), rtol=1e-5, atol=1e-6)


def test_score_prompts_tells_the_best_of_the_whole_distribution():
    model, row = ngram(), WORDS.encode("the old dog").ids
    (score,) = run_to_completion(score_prompts(model, [row], 3))
    state = model.begin_state(1)
    for token, best, logprobs in zip(row, score.best, score.best_logprobs, strict=True):
        distribution = model.logprobs(state)[0]
        np.testing.assert_array_equal(np.sort(distribution)[::-1][:3], logprobs)
        np.testing.assert_array_equal(distribution[best], logprobs)
        state = model.advance(state, np.array([[token]]))
