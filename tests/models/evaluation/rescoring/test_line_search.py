"""Line searches against a look at every interval between crossings."""

from itertools import combinations, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.rescoring.line_search import best_point
from models.utils.arrays import Float64Array, Int64Array


def errors_at(x: float, intercepts: Float64Array, slopes: Float64Array, errors: Int64Array) -> int:
    best = (intercepts + x * slopes).argmax(1)
    return int(errors[np.arange(len(best)), best].sum())


def every_interval(intercepts: Float64Array, slopes: Float64Array) -> list[float]:
    """A point in each interval between the crossings of any two lines, and beyond the outermost."""
    crossings = {
        (row[i] - row[j]) / (rise[j] - rise[i])
        for row, rise in zip(intercepts, slopes, strict=True)
        for i, j in combinations(range(len(row)), 2)
        if rise[i] != rise[j]
    }
    edges = sorted(crossings) or [0.0]
    return [edges[0] - 1, *((a + b) / 2 for a, b in pairwise(edges)), edges[-1] + 1]


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_best_point_has_the_fewest_errors_of_all(lists: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    intercepts, slopes = (rng.integers(-9, 10, (lists, size)).astype(float) for _ in range(2))
    errors = rng.integers(0, 5, (lists, size))
    found = best_point(intercepts, slopes, errors)
    counts = [errors_at(x, intercepts, slopes, errors) for x in every_interval(intercepts, slopes)]
    if found is None:
        assert len(set(counts)) == 1
    else:
        assert errors_at(found.weight, intercepts, slopes, errors) == found.errors == min(counts)


def test_best_point_lies_in_the_middle_of_the_widest_best_interval() -> None:
    # By x: hypothesis 0 (one error) up to 1, 1 (none) from 1 to 2, 2 (one) from 2 to 4, 3 (none) from 4 to 10, then 4.
    slopes = np.array([[0.0, 1.0, 2.0, 3.0, 4.0]])
    intercepts = -np.array([[0.0, 1.0, 1.0 + 2.0, 1.0 + 2.0 + 4.0, 1.0 + 2.0 + 4.0 + 10.0]])
    found = best_point(intercepts, slopes, np.array([[1, 0, 1, 0, 2]]))
    assert found == (7.0, 0)


def test_best_point_leaves_out_places_without_a_hypothesis() -> None:
    intercepts = np.array([[0.0, -4.0, -np.inf], [0.0, -np.inf, -np.inf]])
    slopes = np.array([[0.0, 1.0, 0.0], [-5.0, 0.0, 0.0]])
    assert best_point(intercepts, slopes, np.array([[2, 1, 0], [3, 0, 0]])) == (6.0, 4)


def test_best_point_of_what_changes_nothing_is_none() -> None:
    assert best_point(np.array([[1.0, 0.0]]), np.array([[2.0, 2.0]]), np.array([[1, 0]])) is None
