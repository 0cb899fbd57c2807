"""Quantized tables: distributions still sum to one, and little is lost."""

import numpy as np
import pytest

from models.errors import InvalidInput
from models.ngram.config import NgramConfig, Smoothing
from models.ngram.model import NgramModel
from models.ngram.quantization import MAX_SUM_ERROR, lloyd_codebook, quantize
from tests.helpers.estimation import estimate_model

SIZE = 60
LINES = [(np.abs(np.random.default_rng(i).normal(0, 12, 10)).astype(int) + 2).tolist() for i in range(300)]


def model(smoothing: Smoothing = "kneser_ney", **settings: int) -> NgramModel:
    return estimate_model(LINES, NgramConfig(4, smoothing, **settings), SIZE)


@pytest.mark.parametrize("smoothing", ["kneser_ney", "backoff", "witten_bell", "katz"])
@pytest.mark.parametrize("bits", [4, 8, 16])
def test_quantize_keeps_the_sum_of_distributions_after_any_context(smoothing: Smoothing, bits: int) -> None:
    subject = model(smoothing, bits=bits)
    state = subject.advance(subject.begin_state(300), np.array([line[:3] for line in LINES]))
    sums = np.exp(subject.logprobs(state), dtype=np.float64).sum(1)
    stated = subject.config()["estimation"]["quantised"]
    assert stated["bits"] == bits
    assert np.abs(sums - 1).max() <= stated["sums_within"] + 1e-6 <= MAX_SUM_ERROR + 1e-6


def test_quantize_with_more_bits_is_nearer_to_the_estimate() -> None:
    exact, words = model(), np.array([line[:9] for line in LINES])
    apart = []
    for bits in (4, 6, 8, 12):
        rounded = model(bits=bits)
        apart.append(
            np.abs(
                rounded.score(rounded.begin_state(300), words)[0] - exact.score(exact.begin_state(300), words)[0]
            ).mean()
        )
    assert apart == sorted(apart, reverse=True)
    assert apart[0] < 0.2
    assert apart[2] < 0.02


def test_quantize_has_no_more_numbers_than_bits_allow_and_keeps_unigrams() -> None:
    exact, rounded = model().table.unpack_orders(), model(bits=4).table.unpack_orders()
    assert np.array_equal(rounded[0].logprob, exact[0].logprob)
    for before, order in zip(exact[1:], rounded[1:], strict=True):
        assert len(np.unique(order.logprob)) <= 16
        assert np.array_equal(order.token, before.token)
        assert np.array_equal(order.child_offsets, before.child_offsets)


def test_lloyd_codebook_by_hand() -> None:
    values = np.array([-1, -1.1, -3, -3.1, -3.2, -9], np.float32)
    assert lloyd_codebook(values, 3) == pytest.approx([-9, -3.1, -1.05])
    assert lloyd_codebook(values, 8) == pytest.approx(np.sort(values))
    assert lloyd_codebook(np.append(values, np.float32(-np.inf)), 4).tolist()[0] == -np.inf


def test_quantize_refuses_what_no_weight_can_make_good() -> None:
    lines = np.random.default_rng(0).integers(0, 3, (3000, 12)).tolist()
    lines = [[2 if word == 1 else word for word in line] for line in lines]
    exact = estimate_model(lines, NgramConfig(3), 3)  # every context lists every word, and backs off to nothing
    with pytest.raises(InvalidInput, match=r"bits: .*sum to one"):
        quantize(exact.table, 4)


@pytest.mark.parametrize("arguments", [{"bits": 3}, {"bits": 17}, {"bits": True}, {"bits": 8, "smoothing": "mle"}])
def test_ngram_config_refuses_unacceptable_bits(arguments: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="bits"):
        NgramConfig(**arguments)  # type: ignore[arg-type]
