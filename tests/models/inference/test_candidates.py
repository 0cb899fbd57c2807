"""Candidates are scored after all states as the model scores each text alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.inference import candidates as module
from models.inference.candidates import Candidates
from models.language_model import LanguageModel
from models.neural.int8.model import Int8Model
from tests.helpers.language_models import V, mixture, ngram, recurrent
from tests.helpers.toy import Bigram

MODELS = {
    "toy": Bigram.random(V),
    "ngram": ngram("kneser_ney", order=3),
    "mixture": mixture((0.5, 0.5), ngram("mle"), Bigram.random(V)),
    "lstm": recurrent("lstm", family=Int8Model),
}
Sequences = st.lists(st.lists(st.integers(0, V - 1), max_size=4), max_size=8)


def one_by_one(model: LanguageModel, contexts: np.ndarray, sequences: list[list[int]]) -> np.ndarray:
    return np.array([[model.score_after(context, ids).sum() for ids in sequences] for context in contexts])


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=15, deadline=None)
@given(sequences=Sequences, seed=st.integers(0, 9))
def test_candidates_are_scored_as_texts_alone(name, sequences, seed):
    model, contexts = MODELS[name], np.random.default_rng(seed).integers(V, size=(3, 2))
    scores = Candidates(sequences).score(model, model.advance(model.begin_state(3), contexts))
    assert scores.shape == (3, len(sequences))
    np.testing.assert_allclose(scores, one_by_one(model, contexts, sequences).reshape(scores.shape), atol=1e-5)


def test_candidates_are_scored_in_slices(monkeypatch):
    model, sequences = MODELS["ngram"], [[2, 3], [2, 4], [5], [6, 7, 2]]
    state = model.advance(model.begin_state(5), np.arange(5)[:, None])
    whole = Candidates(sequences).score(model, state)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1)
    assert np.array_equal(Candidates(sequences).score(model, state), whole)


def test_candidates_read_a_shared_prefix_once(monkeypatch):
    model, read = Bigram.random(V), []
    advance = model.advance
    monkeypatch.setattr(model, "advance", lambda state, tokens: read.append(tokens.size) or advance(state, tokens))
    Candidates([[2, 3, 4], [2, 3, 5], [2, 6]]).score(model, model.begin_state(7))
    assert read == [7, 7]  # token 2, and token 3 after it, after each of seven states


@pytest.mark.parametrize("sequences", [[[2], [-1]], [[V]]])
def test_candidates_refuse_ids_that_no_token_has(sequences):
    with pytest.raises(InvalidInput, match="candidates: must be token ids"):
        Candidates(sequences).score(MODELS["toy"], MODELS["toy"].begin_state(1))


def test_candidates_may_be_none():
    assert Candidates([]).score(MODELS["toy"], MODELS["toy"].begin_state(2)).shape == (2, 0)
