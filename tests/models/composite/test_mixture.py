"""Mixtures against sums by hand: the weighted mean of what the members say, and what a whole takes over from them."""

import math

import numpy as np
import pytest

from models.composite.config import MixtureConfig
from models.composite.mixture import MixtureModel
from models.errors import InvalidInput
from tests.helpers.language_models import TOKENIZER, V, mixture, ngram, recurrent
from tests.helpers.toy import Bigram


def test_mixture_model_is_the_weighted_mean_of_its_members():
    # After "a" the first member gives "b" 1/4 and the second 3/4: 0.2 * 1/4 + 0.8 * 3/4 = 0.65.
    rows = np.array([[0.25, 0.25, 0.25, 0.25]] * 5), np.array([[0.05, 0.1, 0.1, 0.75]] * 5)
    mixed = mixture((0.2, 0.8), *(Bigram(matrix) for matrix in rows))
    state = mixed.advance(mixed.begin_state(1), np.array([[2]]))
    assert np.exp(mixed.logprobs(state)[0, 3]) == pytest.approx(0.65)
    scores, _ = mixed.score(mixed.begin_state(1), np.array([[3, 0]]))
    # 0.2 * 1/4 + 0.8 * 0.05 = 0.09
    assert scores[0].tolist() == pytest.approx([math.log(0.65), math.log(0.09)])


def test_mixture_model_rules_out_only_what_every_member_does():
    certain = np.array([[0.0, 0.0, 1.0, 0.0]] * 5), np.array([[0.0, 0.0, 0.0, 1.0]] * 5)
    mixed = mixture((0.5, 0.5), *(Bigram(matrix) for matrix in certain))
    scores, _ = mixed.score(mixed.begin_state(1), np.array([[2, 3, 1]]))
    assert scores[0].tolist() == [pytest.approx(math.log(0.5)), pytest.approx(math.log(0.5)), -math.inf]


def test_mixture_model_takes_over_traits_of_its_members():
    of_ngrams, with_network = (
        mixture((0.5, 0.5), ngram("mle"), ngram("mle", 2)),
        MixtureModel(MixtureConfig((0.5, 0.5)), [ngram("mle"), recurrent("lstm")]),
    )
    assert (of_ngrams.resets_at_eos, of_ngrams.runs_inline, of_ngrams.chunk_tokens) == (True, True, 65536)
    assert (with_network.resets_at_eos, with_network.runs_inline, with_network.chunk_tokens) == (False, False, 256)
    assert with_network.parameter_count == ngram("mle").parameter_count + recurrent("lstm").parameter_count


def test_mixture_model_explains_weights_and_members():
    mixed = mixture((0.25, 0.75), ngram("mle"), Bigram.random(V))
    members = mixed.explain(mixed.begin_state(1))["members"]
    assert [(m["kind"], m["weight"]) for m in members] == [("ngram", 0.25), ("toy", 0.75)]
    assert members[0].keys() > {"kind", "weight"}


def test_mixture_model_explains_shares_of_the_best_words():
    # After "a": word 3 has 0.2 * 1/4 + 0.8 * 3/4 = 0.65, of which the first member's share is 0.05 / 0.65; then 1 and 2
    # have 0.2 * 1/4 + 0.8 * 0.1 = 0.13, and word 0 has 0.05 + 0.8 * 0.05 = 0.09.
    rows = np.array([[0.25, 0.25, 0.25, 0.25]] * 5), np.array([[0.05, 0.1, 0.1, 0.75]] * 5)
    mixed = mixture((0.2, 0.8), *(Bigram(matrix) for matrix in rows))
    state = mixed.advance(mixed.begin_state(1), np.array([[2]]))
    for explanation in (mixed.explain(state), mixed.explain_reading(mixed.begin_state(1), np.array([[2]]))):
        first, second = (member["next"] for member in explanation["members"])
        assert [word["token"] for word in first] == [word["token"] for word in second] == [3, 1, 2, 0]
        assert [word["share"] for word in first] == pytest.approx([0.05 / 0.65, 0.05 / 0.13, 0.05 / 0.13, 0.05 / 0.09])
        assert [word["share"] for word in second] == pytest.approx([0.6 / 0.65, 0.08 / 0.13, 0.08 / 0.13, 0.04 / 0.09])
        assert [math.exp(word["logprob"]) for word in second] == pytest.approx([0.75, 0.1, 0.1, 0.05])


def test_mixture_model_explains_a_member_that_rules_a_word_out():
    certain = np.array([[0.0, 0.0, 1.0, 0.0]] * 5), np.array([[0.0, 0.0, 0.0, 1.0]] * 5)
    mixed = mixture((0.25, 0.75), *(Bigram(matrix) for matrix in certain))
    first, second = (member["next"] for member in mixed.explain(mixed.begin_state(1))["members"])
    # Words 0 and 1, which neither member allows, are not told.
    assert first == [
        {"token": 3, "logprob": None, "zero_probability": True, "share": 0.0},
        {"token": 2, "logprob": 0.0, "share": pytest.approx(1)},
    ]
    assert [word["share"] for word in second] == [pytest.approx(1), 0.0]


@pytest.mark.parametrize("weights", [(0.5, 0.6), (1.5, -0.5), (math.nan, 1.0), (1.0,), (0.5, 0.25, 0.25), ()])
def test_mixture_model_refuses_weights_that_are_no_distribution(weights):
    with pytest.raises(InvalidInput, match="weights"):
        mixture(weights, Bigram.random(V), Bigram.random(V))


def test_mixture_model_refuses_members_of_other_vocabularies():
    with pytest.raises(InvalidInput, match="members"):
        mixture((0.5, 0.5), Bigram.random(V), Bigram.random(TOKENIZER.vocabulary_size + 1))
