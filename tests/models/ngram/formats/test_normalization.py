"""Sums of all distributions of a table against the rows of the model, summed one by one."""

import io
import math

import numpy as np
import pytest

from models.ngram.config import NgramConfig
from models.ngram.formats import arpa
from models.ngram.formats.arpa_parser import parse_arpa
from models.ngram.formats.normalization import TOLERANCE, check_normalization, context_sums
from models.ngram.formats.sorted_ngrams import SortedNgrams, link_sections, node_words
from models.ngram.model import NgramModel
from models.special_tokens import EOS
from models.utils.progress import run_to_completion
from tests.helpers.estimation import estimate_model
from tests.helpers.texts import PRUNED_BY_OTHERS

SIZE = 30
VOCABULARY = ["<unk>", "</s>", *(f"w{i}" for i in range(2, SIZE))]
TRAINING = np.random.default_rng(3).integers(2, 20, (200, 8)).tolist()


def linked(text: str) -> list[SortedNgrams]:
    parsed = run_to_completion(parse_arpa(io.StringIO(text)))
    return link_sections(parsed.sections, len(parsed.vocabulary))


def written(config: NgramConfig) -> str:
    file = io.StringIO()
    arpa.write_arpa(estimate_model(TRAINING, config, SIZE).table, VOCABULARY, file)
    return file.getvalue()


def summed_rows(text: str, orders: list[SortedNgrams]) -> list[float]:
    """Sum P(w | h) over all words, for each node below the highest order that is a context."""
    model = NgramModel(NgramConfig(len(orders)), arpa.read_arpa(io.StringIO(text))[0])
    sums = []
    for node in range(1 + sum(len(ngrams.token) for ngrams in orders[:-1])):
        words = node_words(orders, node)
        if EOS in words[1:]:
            sums.append(1.0)
            continue
        state = model.begin_state(1) if words[:1] == [EOS] else model.null_state(1)
        context = words[1:] if words[:1] == [EOS] else words
        state = model.advance(state, np.array([context], np.int64)) if context else state
        sums.append(float(np.exp(model.logprobs(state), dtype=np.float64).sum()))
    return sums


@pytest.mark.parametrize(
    "text",
    [
        PRUNED_BY_OTHERS,
        PRUNED_BY_OTHERS.replace("-0.3\tb a\t-0.4", "-0.3\tb a\t-99"),
        PRUNED_BY_OTHERS.replace("-0.7\tb\t-0.2", "-99\tb\t-99"),
        written(NgramConfig(4)),
        written(NgramConfig(3, prune=(0, 1))),
        written(NgramConfig(3, "mle")),
        written(NgramConfig(3, "kneser_ney")).replace("\tw7\t-", "\tw7\t"),
    ],
    ids=["pruned", "zero weight", "zeros", "kneser_ney", "pruned kneser_ney", "mle", "spoiled"],
)
def test_context_sums_are_those_of_the_models_rows(text: str) -> None:
    orders = linked(text)
    assert context_sums(orders) == pytest.approx(summed_rows(text, orders), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("smoothing", ["kneser_ney", "backoff", "witten_bell", "katz", "add_delta"])
def test_check_normalization_accepts_what_write_arpa_writes(smoothing) -> None:
    report = check_normalization(linked(written(NgramConfig(3, smoothing))))
    assert report.is_normalized
    assert abs(report.worst_sum - 1) < TOLERANCE / 50


def test_check_normalization_names_the_worst_context_and_its_sum() -> None:
    # P(a) + P(b) + P(</s>) + P(<unk>) of the file by hand, and after "b a": 10^-0.15 for b, 10^-0.4 of the rest
    unigrams = {"a": 10**-0.5, "b": 10**-0.7, "</s>": 10**-0.6, "<unk>": 10**-2}
    orders = linked(PRUNED_BY_OTHERS.replace("-0.7\tb\t-0.2", "-0.7\tb\t0.5"))
    report = check_normalization(orders)
    after_b = 10**-0.3 + 10**0.5 * (sum(unigrams.values()) - unigrams["a"])
    assert report.worst_context == [2]
    assert report.worst_sum == pytest.approx(after_b)
    assert not report.is_normalized
    assert report.contexts == 1 + 4 + 3


def test_check_normalization_tells_a_finite_sum_of_weights_beyond_all_numbers() -> None:
    report = check_normalization(linked(PRUNED_BY_OTHERS.replace("-0.7\tb\t-0.2", "-0.7\tb\t999")))
    assert report.worst_context == [2]
    assert math.isfinite(report.worst_sum)
