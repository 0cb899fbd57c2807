"""Sampling of tokens against weights by hand, and rows of a batch against rows alone."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chisquare

from models.errors import InvalidInput
from models.inference.adjustment import make_adjustment
from models.inference.config import SamplingParams
from models.inference.sampling import (
    PREFETCHED_UNIFORMS,
    BatchSampler,
    make_filter,
    random_generator,
    sample_token,
    sampling_probabilities,
    sampling_weights,
)
from models.kernels.sampling import NO_TOKEN, NOT_FINITE, SamplingMetadata
from models.special_tokens import EOS, UNK

ALL = {"allow_unk": True}


def row(*probabilities: float) -> NDArray[np.float32]:
    with np.errstate(divide="ignore"):
        return np.log(np.array(probabilities, np.float32))


def shares(logprobs: NDArray[np.float32], **params) -> list[float]:
    weights = sampling_weights(logprobs, SamplingParams(**params))
    return [float(share) for share in weights / weights.sum(dtype=np.float64)]


def draws(logprobs: NDArray[np.float32], count: int, **params) -> list[int | None]:
    sampling_params, generator = SamplingParams(**params), random_generator(0)
    return [sample_token(logprobs, sampling_params, generator) for _ in range(count)]


def sample_once(params: Sequence[SamplingParams], generators: Sequence[np.random.Generator]) -> SamplingMetadata:
    """Return what rows are sampled by, one number being taken for each."""
    sampler = BatchSampler(prefetch=1)
    sampler.join(params, generators)
    return sampler.next_metadata()


FIVE = row(0.1, 0.2, 0.4, 0.2, 0.1)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [0.1, 0.2, 0.4, 0.2, 0.1]),
        # weights p^2: 1, 4, 16, 4, 1 of 26
        ({"temperature": 0.5}, [1 / 26, 4 / 26, 16 / 26, 4 / 26, 1 / 26]),
        ({"top_k": 1}, [0, 0, 1, 0, 0]),
        ({"top_k": 2}, [0, 1 / 3, 2 / 3, 0, 0]),  # 1 and 3 tie: the lower id stays
        ({"top_k": 4}, [1 / 9, 2 / 9, 4 / 9, 2 / 9, 0]),
        ({"top_k": 9}, [0.1, 0.2, 0.4, 0.2, 0.1]),
        ({"top_p": 0.3}, [0, 0, 1, 0, 0]),
        ({"top_p": 0.55}, [0, 1 / 3, 2 / 3, 0, 0]),
        ({"top_p": 0.75}, [0, 0.25, 0.5, 0.25, 0]),
        ({"top_p": 1e-9}, [0, 0, 1, 0, 0]),
        ({"min_p": 0.4}, [0, 0.25, 0.5, 0.25, 0]),
        ({"min_p": 1.0}, [0, 0, 1, 0, 0]),
        # top_p acts on what top_k left: 2/3 reaches 0.6, though 0.4 would not
        ({"top_k": 2, "top_p": 0.6}, [0, 0, 1, 0, 0]),
        # temperature comes first: 16/26 = 0.62 reaches 0.6
        ({"temperature": 0.5, "top_p": 0.6}, [0, 0, 1, 0, 0]),
        # ... also before min_p: 4/16 is below 0.4
        ({"temperature": 0.5, "min_p": 0.4}, [0, 0, 1, 0, 0]),
    ],
)
def test_sampling_weights_apply_filters_in_order(params, expected):
    assert shares(FIVE, **ALL, **params) == pytest.approx(expected, abs=1e-6)


def test_sampling_probabilities_are_the_frequencies_of_what_is_drawn():
    params = {"temperature": 0.7, "top_p": 0.95, **ALL}
    told = sampling_probabilities(FIVE, SamplingParams(**params))
    # p^(1/0.7): the four largest reach 95 %, of two equal ones the lower id.
    weights = np.array([0.1, 0.2, 0.4, 0.2, 0.1]) ** (1 / 0.7)
    assert told.tolist() == pytest.approx((weights / weights.sum()).tolist())
    counts = np.bincount([token for token in draws(FIVE, 4000, **params) if token is not None], minlength=5)
    assert chisquare(counts, 4000 * told.astype(np.float64) / told.sum(dtype=np.float64)).pvalue > 0.001


def test_sampling_probabilities_of_greedy_choice_are_one_and_zero():
    greedy = SamplingParams(temperature=0)
    # <unk> and </s> excluded or not: of 0.5, 0.1, 0.2, 0.2 the best left is 2, the lower id of a tie.
    assert sampling_probabilities(row(0.5, 0.1, 0.2, 0.2), SamplingParams(temperature=0)).tolist() == [0, 0, 1, 0]
    assert sampling_probabilities(row(1, 0), greedy).tolist() == [0, 0]
    assert sampling_probabilities(row(0.5, 0.5), SamplingParams(ignore_end=True)).tolist() == [0, 0]


def test_sampling_probabilities_take_adjustments_into_account():
    # A bias of log 2 doubles the weight of token 2: 0.2, 0.3, 2 * 0.25, 0.25 of 1.25.
    params = SamplingParams(logit_bias=((2, math.log(2)),), **ALL)
    logprobs = row(0.2, 0.3, 0.25, 0.25)
    told = sampling_probabilities(logprobs, params, make_adjustment(params, [], []))
    assert told.tolist() == pytest.approx([0.16, 0.24, 0.4, 0.2])
    assert np.exp(logprobs).tolist() == pytest.approx([0.2, 0.3, 0.25, 0.25])  # not changed


def test_sampling_weights_exclude_unknown_and_end_first():
    # without <unk> (0.1) and </s> (0.2): 0.4, 0.2, 0.1 of 0.7
    assert shares(FIVE) == pytest.approx([0, 2 / 9, 4 / 9, 2 / 9, 1 / 9], abs=1e-6)
    assert shares(FIVE, ignore_end=True) == pytest.approx([0, 0, 4 / 7, 2 / 7, 1 / 7], abs=1e-6)
    assert shares(row(0.5, 0.3, 0.1, 0.1), ignore_end=True, top_k=1) == [0, 0, 1, 0]


@given(
    st.lists(st.integers(0, 5), min_size=3, max_size=30).filter(any),
    st.integers(0, 31),
    st.floats(0.01, 1),
    st.floats(0, 1),
)
def test_sampling_weights_agree_with_a_naive_reference(counts, top_k, top_p, min_p):
    total = sum(counts)
    ranked = sorted(range(len(counts)), key=lambda i: (-counts[i], i))
    remaining = [i for i in ranked if counts[i]][: top_k or None]
    mass = sum(counts[i] for i in remaining)
    reached = [sum(counts[i] for i in remaining[:n]) / mass for n in range(len(remaining))]
    remaining = [i for i, before in zip(remaining, reached, strict=True) if before < top_p]
    remaining = [i for i in remaining if counts[i] >= min_p * counts[remaining[0]]]
    edge = [abs(before - top_p) for before in reached] + [abs(c / counts[ranked[0]] - min_p) for c in counts]
    if min(edge) > 1e-5:  # elsewhere rounding may decide
        weights = sampling_weights(
            row(*(c / total for c in counts)), SamplingParams(top_k=top_k, top_p=top_p, min_p=min_p, **ALL)
        )
        assert set(np.flatnonzero(weights)) == set(remaining)


def test_sample_token_at_temperature_0_takes_the_best_and_on_ties_the_lower_id():
    assert draws(row(0.1, 0.1, 0.3, 0.2, 0.3), 3, temperature=0) == [2, 2, 2]
    assert draws(row(0.9, 0.05, 0.01, 0.04), 1, temperature=0) == [EOS]
    assert draws(row(0.9, 0.05, 0.01, 0.04), 1, temperature=0, ignore_end=True) == [3]
    assert draws(row(0.9, 0.05, 0.01, 0.04), 1, temperature=0, **ALL) == [UNK]


@pytest.mark.parametrize("temperature", [0, 1e-6, 1, 1e6])
@pytest.mark.parametrize(
    ("probabilities", "params"),
    [((1, 0, 0), {}), ((0.5, 0.5, 0), {"ignore_end": True}), ((0, 1, 0), {"ignore_end": True, "allow_unk": True})],
)
def test_sample_token_is_none_where_nothing_is_left(probabilities, params, temperature):
    assert draws(row(*probabilities), 2, temperature=temperature, **params) == [None, None]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"temperature": 2.5},
        {"top_k": 7},
        {"top_p": 0.8},
        {"min_p": 0.3},
        {"temperature": 0.7, "top_k": 9, "min_p": 0.1},
    ],
)
def test_sample_token_frequencies_are_the_weights(params):
    logprobs = row(*np.random.default_rng(5).dirichlet(np.ones(20)))
    expected = np.array(shares(logprobs, **params)) * 5_000
    counts = np.bincount(draws(logprobs, 5_000, **params), minlength=20)
    assert counts[expected == 0].sum() == 0
    drawn = expected > 0
    assert chisquare(counts[drawn], expected[drawn] / expected.sum() * counts.sum()).pvalue > 1e-4


class Fixed:
    """Random numbers of one's choice."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self, size: int) -> NDArray[np.float64]:
        return np.full(size, self.value)


@pytest.mark.parametrize(("number", "expected"), [(0.0, 2), (0.4999, 2), (0.5001, 4), (1 - 2**-53, 4)])
def test_sample_token_never_takes_the_impossible_at_the_ends_of_the_unit_interval(number, expected):
    assert sample_token(row(0, 0, 0.5, 0, 0.5, 0), SamplingParams(**ALL), Fixed(number)) == expected


@pytest.mark.parametrize("size", [3, 255, 256, 257, 1000])
@pytest.mark.parametrize("seed", range(20))
def test_sample_token_takes_the_token_where_the_running_sum_passes_the_number(size, seed):
    numbers = np.random.default_rng(seed)
    counts = numbers.choice([0, 0, 1, 3], size)
    counts[numbers.integers(size)] = 1
    point = numbers.random()
    chosen = sample_token(row(*counts / counts.sum()), SamplingParams(**ALL), Fixed(point))
    assert counts[:chosen].sum() - 1e-3 < point * counts.sum() < counts[: chosen + 1].sum() + 1e-3
    assert counts[chosen] > 0


@pytest.mark.parametrize("temperature", [1e-6, 1e-3, 1e3, 1e6])
def test_sampling_weights_of_extreme_temperatures_are_finite(temperature):
    weights = sampling_weights(row(0.3, 0, 0.3, 0.4, 1e-30), SamplingParams(temperature=temperature, **ALL))
    assert np.isfinite(weights).all()
    assert weights[1] == 0
    assert weights[3] == 1


def test_random_generator_repeats_for_a_seed_and_differs_by_index():
    def numbers(seed: int | None, index: int = 0) -> list[float]:
        return list(random_generator(seed, index).random(4))

    assert numbers(3) == numbers(3) == numbers(3, 0)
    streams = [numbers(3, 0), numbers(3, 1), numbers(4, 0), numbers(4, 1), numbers(None), numbers(None)]
    assert len({tuple(stream) for stream in streams}) == len(streams)


@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize("bad", [math.nan, -math.nan, math.inf])
def test_sampling_of_not_finite_rows_fails_for_these_alone(temperature, bad):
    rows = np.stack([row(0.1, 0.1, 0.8, 0), row(0.1, 0.1, 0.8, 0), row(1, 0, 0, 0)])
    rows[0, 3] = bad
    params = [SamplingParams(temperature=temperature, top_k=top_k, ignore_end=True) for top_k in (0, 1, 2)]
    assert sample_once(params, [Fixed(0.5)] * 3).sample(rows)[0].tolist() == [NOT_FINITE, 2, NO_TOKEN]
    with pytest.raises(ArithmeticError, match="no numbers"):
        draws(row(bad, 0.5, 0.5), 1, temperature=temperature, **ALL)


@given(st.lists(st.fixed_dictionaries({"temperature": st.sampled_from([0, 0.5, 1]), "top_k": st.integers(0, 3)})))
def test_batch_sampler_samples_a_row_as_if_it_were_alone(fields):
    rows = np.random.default_rng(1).normal(size=(len(fields), 600)).astype(np.float32)
    params = [SamplingParams(**one) for one in fields]
    alone = [
        sample_token(one, *each, random_generator(i)) for i, (one, *each) in enumerate(zip(rows, params, strict=True))
    ]
    metadata = sample_once(params, [random_generator(i) for i in range(len(fields))])
    assert [metadata.for_row(i).sample(rows[i : i + 1].copy())[0] for i in range(len(fields))] == alone
    tokens, logprobs = metadata.sample(rows.copy())
    assert tokens.tolist() == alone
    assert logprobs.tolist() == rows[np.arange(len(fields)), tokens].tolist()


def test_sample_token_does_not_change_its_row():
    logprobs = FIVE.copy()
    draws(logprobs, 1, ignore_end=True, top_k=2, top_p=0.5, min_p=0.2)
    assert (logprobs == FIVE).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("temperature", bad) for bad in (-1, 1e-7, 1e7, math.nan, math.inf)),
        *(("top_p", bad) for bad in (0, -0.1, 1.1, math.nan)),
        *(("min_p", bad) for bad in (-0.1, 1.1, math.nan)),
        *(("seed", bad) for bad in (-1, 2**64)),
        *(("stop", bad) for bad in (("",), ("x" * 256,) * 33, ("x" * 257,))),
        ("top_k", -1),
        ("max_tokens", 0),
        ("start", "nowhere"),
        *((name, bad) for name in ("presence_penalty", "frequency_penalty") for bad in (-2.1, 2.1, math.nan)),
        *(("repetition_penalty", bad) for bad in (0, 0.009, 101, math.nan, -1)),
        *(("logit_bias", ((3, bad),)) for bad in (-101, 101, math.nan, math.inf)),
        *(("logit_bias", bad) for bad in (((-1, 1),), ((3, 1), (3, 2)), tuple((i, 1) for i in range(1025)))),
        ("top_logprobs", -1),
    ],
)
def test_sampling_params_name_a_field_that_is_not_acceptable(field, value):
    with pytest.raises(InvalidInput, match=rf"{field}: must be") as caught:
        SamplingParams(**{field: value})
    assert caught.value.field == field


# --- rows that come and go

PARAMS = [
    SamplingParams(),
    SamplingParams(temperature=0, top_k=3),
    SamplingParams(temperature=0.5, ignore_end=True, allow_unk=True),
    SamplingParams(top_k=2),
    SamplingParams(top_p=0.5, ignore_end=True),
]
EVENTS = st.one_of(
    st.lists(st.sampled_from(PARAMS), max_size=3),  # rows that join
    st.integers(0, 2**8 - 1),  # rows that stay, as bits
    st.sampled_from([1, 2, PREFETCHED_UNIFORMS - 1, PREFETCHED_UNIFORMS, PREFETCHED_UNIFORMS + 1]).map(
        lambda steps: (steps,)
    ),
)


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=12))
def test_batch_sampler_gives_each_row_its_own_numbers_in_any_company(events: list) -> None:
    sampler, rows = BatchSampler(), []
    for count, event in enumerate(events):
        if isinstance(event, list):
            seeds = [(count, index) for index in range(len(event))]
            sampler.join(event, [random_generator(*seed) for seed in seeds])
            rows += [(params, random_generator(*seed)) for params, seed in zip(event, seeds, strict=True)]
        elif isinstance(event, int):
            staying = [row for row in range(len(rows)) if event >> row % 8 & 1]
            sampler.keep(staying)
            rows = [rows[row] for row in staying]
        else:
            for _ in range(*event):
                metadata = sampler.next_metadata()
                expected = sample_once([params for params, _ in rows], [generator for _, generator in rows])
                for name in ("temperatures", "uniforms", "excluded"):
                    assert np.array_equal(getattr(metadata, name), getattr(expected, name))
                assert metadata.filters.keys() == {row for row, (params, _) in enumerate(rows) if make_filter(params)}
                for row, row_filter in metadata.filters.items():
                    logprobs = np.log(np.array([0.1, 0.2, 0.3, 0.25, 0.15], np.float32))
                    assert np.array_equal(row_filter(logprobs), make_filter(rows[row][0])(logprobs))


def test_batch_sampler_metadata_does_not_change_when_rows_go_on() -> None:
    sampler = BatchSampler()
    sampler.join(PARAMS, [random_generator(i) for i in range(len(PARAMS))])
    first = sampler.next_metadata()
    uniforms = first.uniforms.copy()
    for _ in range(2 * PREFETCHED_UNIFORMS):
        sampler.next_metadata()
    assert np.array_equal(first.uniforms, uniforms)
