"""Language models fill blanks by the probability of the whole text, whatever short cut they take."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from models.inference.prefill import Runtime
from models.language_model import LanguageModel
from models.neural.int8.model import Int8Model
from models.tasks.fill_in import text_probability
from models.tasks.fill_in.blanks import BlankedText, Candidates
from models.tasks.fill_in.query import FillQuery
from models.tasks.fill_in.text_probability import ScoredFillings, score_fillings
from models.utils.progress import run_to_completion
from tests.helpers.language_models import TOKENIZER, mixture, ngram, recurrent
from tests.helpers.toy import Bigram

MODELS = {
    "trigram": ngram("kneser_ney"),
    "unigram": ngram("witten_bell", order=1),
    "5-gram": ngram("kneser_ney", order=5),
    "mixture": mixture((0.4, 0.6), ngram("witten_bell", order=2), ngram("kneser_ney", order=4)),
    "lstm": recurrent("lstm"),
    "feedforward": recurrent("feedforward", layers=1, window=2),
    "int8": recurrent("gru", family=Int8Model),
    "toy": Bigram.random(TOKENIZER.vocabulary_size),
}
TEXTS = ["a b ___ d e f g h", "___ b", "a ___", "___", "a b c d e f ___ h i j a b c d"]


def fillings(model: LanguageModel, text: str, query: FillQuery, chunk_tokens: int = 64) -> ScoredFillings:
    blanked = BlankedText.of(TOKENIZER, text)
    candidates = [Candidates.of(TOKENIZER, query.candidates, spaced=False)] * len(blanked.spans)
    return run_to_completion(score_fillings(model, blanked, candidates, query, Runtime(chunk_tokens)))


def naive_logprob(model: LanguageModel, text: str) -> float:
    """The product of the conditional probabilities of every token of the text and its end."""
    state, total = model.begin_state(1), 0.0
    for token in TOKENIZER.encode(text + "\n").ids.tolist():
        total += float(model.logprobs(state)[0, token])
        state = model.advance(state, np.array([[token]]))
    return total


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", MODELS)
def test_score_fillings_is_the_naive_product_for_the_whole_vocabulary(name: str, text: str) -> None:
    scored = fillings(MODELS[name], text, FillQuery(shortlist=0))
    words = TOKENIZER.vocabulary[2:]
    expected = [naive_logprob(MODELS[name], text.replace("___", word)) for word in words]
    assert scored.exact
    assert scored.choices[:, 0].tolist() == list(range(len(words)))
    assert scored.scores == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", ["trigram", "lstm"])
def test_score_fillings_is_the_same_in_slices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fillings(MODELS[name], TEXTS[0], FillQuery(shortlist=0))
    monkeypatch.setattr(text_probability, "SLICE_TOKENS", 20)
    sliced = fillings(MODELS[name], TEXTS[0], FillQuery(shortlist=0))
    assert (sliced.choices == whole.choices).all()
    assert sliced.scores == pytest.approx(whole.scores, abs=1e-4)


def test_score_fillings_of_a_text_longer_than_the_reach_reads_its_end_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens = ngram("kneser_ney", order=3), 0
    score = model.score

    def counting(
        state: np.ndarray, ids: np.ndarray, lengths: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        nonlocal tokens
        tokens += ids.size
        return score(state, ids, lengths)

    monkeypatch.setattr(model, "score", counting)
    text = "a ___ " + "b c d " * 50
    scored = fillings(model, text, FillQuery(), chunk_tokens=10_000)
    # Each of the ten words with the two after it, and everything else once.
    assert tokens == 10 * 3 + 1 + 149
    assert scored.scores[1] == pytest.approx(naive_logprob(model, text.replace("___", "b")), abs=1e-3)


@pytest.mark.parametrize("name", ["trigram", "mixture", "lstm", "int8"])
def test_score_fillings_takes_candidates_of_several_and_unknown_tokens(name: str) -> None:
    query = FillQuery(candidates=("c", "c d e", "zebra", "j j"))
    scored = fillings(MODELS[name], "a b ___ f g a b", query)
    expected = [naive_logprob(MODELS[name], f"a b {word} f g a b") for word in query.candidates]
    assert scored.scores == pytest.approx(expected, abs=1e-4)
    assert scored.exact


@pytest.mark.parametrize("name", ["trigram", "mixture", "lstm", "feedforward"])
@pytest.mark.parametrize("text", ["___ ___", "a ___ b ___ c d e", "a ___ b c d e ___ f g h i j ___"])
def test_score_fillings_of_several_blanks_is_joint_and_exact_within_the_beam(name: str, text: str) -> None:
    query = FillQuery(candidates=("b", "d e", "i"), beam=9)
    scored = fillings(MODELS[name], text, query)
    assert scored.exact
    assert len(scored.scores) == 3 ** text.count("___")
    for choices, score in zip(scored.choices.tolist(), scored.scores, strict=True):
        whole = text
        for choice in choices:
            whole = whole.replace("___", query.candidates[choice], 1)
        assert score == pytest.approx(naive_logprob(MODELS[name], whole), abs=1e-4)
    assert sorted(map(tuple, scored.choices.tolist())) == sorted(product(range(3), repeat=text.count("___")))


def test_score_fillings_drops_what_the_beam_does_not_hold_and_says_so() -> None:
    query = FillQuery(candidates=("b", "d e", "i"), beam=2)
    scored, full = (fillings(MODELS["lstm"], "a ___ b ___", q) for q in (query, FillQuery(candidates=query.candidates)))
    assert not scored.exact
    assert full.exact
    assert len(scored.scores) == 2 * 3
    exact = dict(zip(map(tuple, full.choices.tolist()), full.scores, strict=True))
    for choices, score in zip(map(tuple, scored.choices.tolist()), scored.scores, strict=True):
        assert score == pytest.approx(exact[choices], abs=1e-4)


def test_score_fillings_shortlists_by_the_left_side_where_the_model_has_no_bound() -> None:
    model, query = MODELS["lstm"], FillQuery(shortlist=4)
    scored = fillings(model, "a b ___ d", query)
    left = model.logprobs(model.advance(model.begin_state(1), np.array([TOKENIZER.encode("a b").ids.astype(np.int64)])))
    assert set((scored.choices[:, 0] + 2).tolist()) == set((np.argsort(-left[0, 2:])[:4] + 2).tolist())
    assert not scored.exact
    assert fillings(MODELS["trigram"], "a b ___ d", query).exact


def test_score_fillings_gives_no_probability_where_the_model_gives_none() -> None:
    scored = fillings(ngram("mle"), "j ___ j", FillQuery())
    assert np.isneginf(scored.scores).all()
