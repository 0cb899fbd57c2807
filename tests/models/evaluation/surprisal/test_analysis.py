"""Surprisal by hand, and probabilities of words that sum to one."""

import math

import numpy as np
import pytest

from models.evaluation.surprisal.analysis import TextAnalysis, analyze_text
from models.inference.scoring import score_texts
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.tokenization.config import BYTE_TO_UNICODE, TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.tokenizers import TEXT, train
from tests.helpers.toy import Bigram

# Counts of a b a </s> and of <unk>: 2 1 1 0. With one more for each, P is 3/8, 2/8, 2/8 and 1/8.
UNIGRAMS = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "a", "b"])
ENTROPY = 3 / 8 * math.log2(8 / 3) + 2 / 8 * 2 + 2 / 8 * 2 + 1 / 8 * 3

# Bytes, and one merge: " a" is a token, " b" is two. Words are a, ab and b: no other text has a probability.
PARTS = Tokenizer(
    TokenizerConfig(kind="bpe"), ["<unk>", "</s>", *sorted(BYTE_TO_UNICODE), "\u0120a"], [("\u0120", "a")]
)
TRANSITIONS = {
    "</s>": {"a": 0.5, "b": 0.3, "</s>": 0.2},
    "a": {"b": 0.4, "\u0120a": 0.3, "\u0120": 0.2, "</s>": 0.1},
    "b": {"\u0120a": 0.5, "\u0120": 0.3, "</s>": 0.2},
    "\u0120": {"b": 1.0},
    "\u0120a": {"b": 0.2, "\u0120a": 0.4, "\u0120": 0.1, "</s>": 0.3},
}
WORDS = ["a", "ab", "b"]


def unigram_model() -> NgramModel:
    config = NgramConfig(order=1, smoothing="add_delta", delta=1)
    ids = UNIGRAMS.encode("a b a\n").ids
    return NgramModel(config, estimate_from_tokens(config, ids, UNIGRAMS.vocabulary_size))


def parts_model() -> Bigram:
    matrix = np.zeros((PARTS.vocabulary_size + 1, PARTS.vocabulary_size))
    for before, row in TRANSITIONS.items():
        for after, probability in row.items():
            matrix[PARTS.token_to_id(before), PARTS.token_to_id(after)] = probability
    return Bigram(matrix)


def analyze(model: object, tokenizer: Tokenizer, text: str, **options: object) -> TextAnalysis:
    return run_to_completion(analyze_text(model, tokenizer, text, **options))


def surprisals(analysis: TextAnalysis) -> list[float]:
    return [analysis.surprisal(unit) for unit in analysis.units]


def test_analysis_of_unigrams_equals_figures_by_hand() -> None:
    analysis = analyze(unigram_model(), UNIGRAMS, "a b z")
    assert surprisals(analysis) == pytest.approx([math.log2(8 / 3), 2, 3, 2], rel=1e-6)
    assert analysis.distributions.entropies == pytest.approx([ENTROPY] * 4, rel=1e-6)
    assert analysis.distributions.ranks.tolist() == [1, 2, 4, 2]
    assert analysis.distributions.orders.tolist() == [1] * 4
    assert analysis.oov.tolist() == [False, False, True, False]


def test_analysis_of_what_is_certain_tells_zero_bits_without_a_sign() -> None:
    certain = Bigram([[0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])  # a and </s> in turn
    figures = analyze(certain, UNIGRAMS, "a").distributions
    for bits in (figures.surprisals, figures.entropies):
        assert [(value, math.copysign(1, value)) for value in bits] == [(0, 1), (0, 1)]


def test_window_perplexity_is_that_of_the_last_tokens() -> None:
    analysis = analyze(unigram_model(), UNIGRAMS, "a b z")
    by_hand = [8 / 3, math.sqrt(8 / 3 * 4), math.sqrt(4 * 8), math.sqrt(8 * 4)]
    assert [analysis.window_perplexity(unit, 2) for unit in analysis.units] == pytest.approx(by_hand, rel=1e-6)


def test_window_perplexity_is_infinite_where_a_probability_is_zero() -> None:
    analysis = analyze(parts_model(), PARTS, "c a a a")
    assert analysis.window_perplexity(analysis.units[0], 2) == math.inf
    assert math.isfinite(analysis.window_perplexity(analysis.units[-1], 2))


@pytest.mark.parametrize("before", ["", "a", "b", "ab", "a b", "b ab a"])
def test_surprisals_of_all_words_of_sub_word_tokens_sum_to_one(before: str) -> None:
    """Those of their tokens alone do not: after `a`, 0.3 + 0.3 * 0.2 + 0.2 + 0.1 = 0.66."""
    model, place = parts_model(), len(before.split())
    texts = [before, *(f"{before} {word}".strip() for word in WORDS)]
    found = [surprisals(analyze(model, PARTS, text))[place] for text in texts]
    assert np.exp2(-np.array(found)).sum() == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("context", ["a", "a b"])
def test_surprisals_after_a_context_are_those_inside_a_text(context: str) -> None:
    whole = surprisals(analyze(parts_model(), PARTS, f"{context} ab a"))
    assert surprisals(analyze(parts_model(), PARTS, " ab a", context=context)) == pytest.approx(whole[-3:])


@pytest.mark.parametrize("kind", ["word", "character", "bpe", "unigram"])
@pytest.mark.parametrize("unit", ["word", "line"])
def test_surprisals_of_a_text_sum_to_its_logprob(kind: str, unit: str) -> None:
    tokenizer = train(kind=kind, **({"max_size": 270} if kind == "bpe" else {}))
    model, text = Bigram.random(tokenizer.vocabulary_size), TEXT.rstrip("\n")
    (score,) = run_to_completion(score_texts(model, tokenizer, [text]))
    assert sum(surprisals(analyze(model, tokenizer, text, unit=unit))) == pytest.approx(-score.logprob / math.log(2))
