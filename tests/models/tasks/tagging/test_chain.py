"""Chains: everything they tell against the enumeration of all sequences of states."""

from itertools import pairwise, product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.tasks.tagging.chain import Chain
from models.utils.arrays import Float64Array


def random_scores(random: np.random.Generator, *shape: int) -> Float64Array:
    """Draw scores; some steps are ruled out, but the first state can always be reached and left."""
    scores = random.normal(0, 3, shape)
    scores[random.random(shape) < 0.2] = -np.inf
    scores[(0,) * len(shape)] = 0
    return scores


@st.composite
def chains(draw: st.DrawFn) -> tuple[Float64Array, list[Float64Array]]:
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    steps = [random_scores(random, a, b) for a, b in pairwise(sizes)]
    return random_scores(random, sizes[0]), steps


def all_sequences(start: Float64Array, steps: list[Float64Array]) -> dict[tuple[int, ...], float]:
    """Return the score of every sequence of states."""
    sizes = [len(start), *(step.shape[1] for step in steps)]
    return {
        path: start[path[0]] + sum(step[a, b] for step, a, b in zip(steps, path, path[1:], strict=False))
        for path in product(*map(range, sizes))
    }


@given(chains())
def test_chain_best_path_has_the_highest_score_of_all_sequences(parts: tuple[Float64Array, list[Float64Array]]) -> None:
    scores = all_sequences(*parts)
    best = tuple(Chain(*parts).best_path().tolist())
    assert np.isclose(scores[best], max(scores.values()))


@given(chains())
def test_chain_log_total_sums_all_sequences(parts: tuple[Float64Array, list[Float64Array]]) -> None:
    assert np.isclose(Chain(*parts).log_total, np.logaddexp.reduce(list(all_sequences(*parts).values())))


@given(chains())
def test_chain_marginals_sum_the_sequences_with_a_state(parts: tuple[Float64Array, list[Float64Array]]) -> None:
    chain, scores = Chain(*parts), all_sequences(*parts)
    for position, marginals in enumerate(chain.marginals()):
        for state, marginal in enumerate(marginals):
            with_state = [score for path, score in scores.items() if path[position] == state]
            assert np.isclose(np.exp(marginal), np.exp(np.array(with_state) - chain.log_total).sum())


@given(chains(), st.data())
def test_chain_log_probability_sums_the_sequences_that_are_allowed(
    parts: tuple[Float64Array, list[Float64Array]], data: st.DataObject
) -> None:
    start, steps = parts
    sizes = [len(start), *(step.shape[1] for step in steps)]
    begin = data.draw(st.integers(0, len(sizes) - 1))
    end = data.draw(st.integers(begin + 1, len(sizes)))
    allowed = [np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n))) for n in sizes[begin:end]]
    chain = Chain(start, steps)
    expected = sum(
        np.exp(score - chain.log_total)
        for path, score in all_sequences(start, steps).items()
        if all(mask[state] for mask, state in zip(allowed, path[begin:end], strict=True))
    )
    assert np.isclose(np.exp(chain.log_probability(begin, allowed)), expected)


def test_chain_does_not_underflow_over_long_sequences() -> None:
    steps = [np.full((2, 2), -1000.0)] * 500
    assert np.allclose(np.exp(Chain(np.zeros(2), steps).marginals()), 0.5)


@given(st.lists(st.integers(1, 3), min_size=2, max_size=6), st.integers(0, 10_000), st.data())
def test_chain_of_pairs_is_the_chain_of_all_steps_between_pairs(
    sizes: list[int], seed: int, data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    start = random.normal(0, 3, sizes[:2])
    steps = [random.normal(0, 3, sizes[k : k + 3]) for k in range(len(sizes) - 2)]
    dense = []
    for step in steps:
        a, b, c = step.shape
        between = np.full((a, b, b, c), -np.inf)
        between[:, np.arange(b), np.arange(b)] = step
        dense.append(between.reshape(a * b, b * c))
    pairs, flat = Chain(start, steps), Chain(start.ravel(), dense)
    assert pairs.best_path().tolist() == flat.best_path().tolist()
    assert np.isclose(pairs.log_total, flat.log_total)
    assert all(np.allclose(a, b) for a, b in zip(pairs.marginals(), flat.marginals(), strict=True))
    counts = [a * b for a, b in pairwise(sizes)]
    allowed = [np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n))) for n in counts]
    assert np.isclose(np.exp(pairs.log_probability(0, allowed)), np.exp(flat.log_probability(0, allowed)))


def test_chain_computes_a_long_sequence_in_steps() -> None:
    random = np.random.default_rng(1)
    start, steps = random.normal(size=40), [random.normal(size=(40, 40))] * 500
    chain, at_once = Chain(start, steps), Chain(start, steps)
    pauses = list(chain.compute())
    assert pauses == [0] * 15  # 500 steps of 1,600 scores, and 500 for each step, are 5 times 200,000; 3 passes
    assert (chain.best_path() == at_once.best_path()).all()
    assert all((a == b).all() for a, b in zip(chain.marginals(), at_once.marginals(), strict=True))


def test_chain_computes_a_short_sequence_at_once() -> None:
    assert list(Chain(np.zeros(9), [np.zeros((9, 9))] * 100).compute()) == []
