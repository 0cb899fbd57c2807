"""Weights by expectation maximisation against the only maximum there is, and scores token by token."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from models.composite.mixture_weights import fit_weights, score_by_member
from models.errors import TrainingFailed
from models.special_tokens import EOS
from models.utils.progress import run_to_completion
from tests.helpers.language_models import ngram, recurrent


def test_fit_weights_of_two_members_by_hand():
    # Three tokens of four have p = (1, 0), one has (0, 1): the likelihood w^3 (1 - w) is largest at w = 3/4.
    fit = fit_weights(np.log([[1.0, 1.0, 1.0, 1e-300], [1e-300, 1e-300, 1e-300, 1.0]]))
    assert fit.weights == pytest.approx((0.75, 0.25))
    assert (fit.token_count, fit.skipped) == (4, 0)


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_fit_weights_finds_the_highest_likelihood(seed):
    p = np.random.default_rng(seed).dirichlet([0.3, 0.3, 1], 200).T[:2]
    fit = fit_weights(np.log(p))
    best = minimize_scalar(lambda w: -np.log(w * p[0] + (1 - w) * p[1]).mean(), bounds=(0, 1), method="bounded")
    likelihood = np.log(np.array(fit.weights) @ p).mean()
    assert likelihood == pytest.approx(-best.fun, abs=1e-5)
    assert sum(fit.weights) == pytest.approx(1)


def test_fit_weights_skips_and_counts_tokens_that_every_member_rules_out():
    scores = np.log([[0.5, 0.2], [0.1, 0.7]])
    ruled_out = np.full((2, 3), -np.inf)
    fit = fit_weights(np.concatenate([scores, ruled_out], 1))
    assert fit.weights == fit_weights(scores).weights
    assert (fit.token_count, fit.skipped) == (2, 3)
    with pytest.raises(TrainingFailed, match="nothing to fit"):
        fit_weights(ruled_out)


def test_score_by_member_scores_lines_or_the_whole_document():
    members = [ngram("kneser_ney"), recurrent("lstm")]
    ids = np.array([2, 3, 4, EOS, EOS, 5, 6, EOS, 3], np.int32)
    for unit, rows in (("document", [ids]), ("lines", np.split(ids, [4, 5, 8]))):
        scores_by_member = run_to_completion(score_by_member(members, ids, unit))
        for member, scores in zip(members, scores_by_member, strict=True):
            alone = [member.score(member.begin_state(1), row[None].astype(np.int64))[0][0] for row in rows]
            np.testing.assert_allclose(scores, np.concatenate(alone), atol=1e-5)
