"""Effect of a changed token, by hand and for models whose reach is known."""

import numpy as np
import pytest

from app.experiments.changed_word import (
    DISTANCES,
    FAR,
    ORDER,
    PREFIX_TOKENS,
    Effect,
    _claims,
    divergence,
    estimate_ngrams,
    mean_effect,
    token_effect,
    total_variation,
)
from models.errors import InvalidInput

TOKENS = np.random.default_rng(1).integers(1, 9, size=2000)


def test_total_variation_and_divergence_by_hand() -> None:
    p, q = (
        np.log(np.array([[0.5, 0.5], [0.9, 0.1]], np.float32)),
        np.log(np.array([[0.25, 0.75], [0.9, 0.1]], np.float32)),
    )
    # First row: |0.25| twice, halved; 0.5 log 2 + 0.5 log (2/3). Second row: nothing. Means of the two.
    assert total_variation(p, q) == pytest.approx(0.25 / 2)
    assert divergence(p, q) == pytest.approx((0.5 * np.log(2) + 0.5 * np.log(2 / 3)) / 2, rel=1e-5)


def test_token_effect_ends_where_an_ngram_does() -> None:
    model = estimate_ngrams(TOKENS, 9)
    texts = np.stack([TOKENS[at : at + PREFIX_TOKENS + 8] for at in range(2, 42)])
    changed = texts[:, PREFIX_TOKENS] % 8 + 1
    effect = token_effect(model, texts, changed, tuple(range(1, 9)))
    assert all(value > 0 for value in effect.variation[: ORDER - 1])
    assert effect.variation[ORDER - 1 :] == [0] * (8 - ORDER + 1)
    assert effect.divergence[ORDER - 1 :] == [0] * (8 - ORDER + 1)


def test_token_effect_is_that_of_reading_both_texts() -> None:
    model = estimate_ngrams(TOKENS, 9)
    text, other = TOKENS[10 : 10 + PREFIX_TOKENS + 2], TOKENS[10 : 10 + PREFIX_TOKENS + 2].copy()
    other[PREFIX_TOKENS] = text[PREFIX_TOKENS] % 8 + 1
    rows = [model.logprobs(model.advance(model.begin_state(1), row[None].astype(np.int64))) for row in (text, other)]
    effect = token_effect(model, text[None], other[PREFIX_TOKENS : PREFIX_TOKENS + 1], (1, 2))
    assert effect.variation[1] == pytest.approx(total_variation(*rows), abs=1e-6)


def test_mean_effect_refuses_a_text_too_short() -> None:
    with pytest.raises(InvalidInput, match="121 tokens"):
        mean_effect(estimate_ngrams(TOKENS, 9), TOKENS[:100], seed=1)


def test_changed_word_claims_follow_the_variations() -> None:
    def effect(near: float, far: float) -> Effect:
        return Effect([far if k >= FAR else near for k in DISTANCES], [0.0] * len(DISTANCES))

    effects = {
        "5-gram": [effect(0.0, 0.0)] * 3,
        "rnn": [effect(0.1, 1e-8)] * 3,
        "gru": [effect(0.01, 0.1)] * 3,
        "lstm": [effect(0.2, 0.1)] * 3,
    }
    verdicts = [claim.verdict for claim in _claims(effects)]
    # n-grams forget; RNN does not remember, GRU and LSTM do; at the nearer distance the GRU has less, the LSTM more.
    assert verdicts == ["holds", "does not hold", "holds", "holds", "does not hold", "holds"]
