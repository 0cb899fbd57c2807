"""Verdicts: what an interval over seeds decides, and what it leaves open."""

import json
import math

import pytest
from scipy import stats

from app.experiments.claim import T_QUANTILES, always, at_least, interval, spread, summary, within


def test_claim_quantiles_are_those_of_student() -> None:
    assert pytest.approx(stats.t.ppf(0.975, range(1, 10)), abs=5e-4) == T_QUANTILES


def test_interval_by_hand() -> None:
    # Mean 2, standard deviation 1, so 2 ± 4.303 / sqrt(3).
    assert interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 2.4843, 2 + 2.4843), abs=1e-3)
    assert interval([5.0]) == (-math.inf, math.inf)
    assert interval([1.0, math.nan]) == (-math.inf, math.inf)
    assert interval([1.0, math.inf, 3.0]) == (1.0, math.inf)


@pytest.mark.parametrize(
    ("values", "bound", "verdict"),
    [
        ([1.0, 1.1, 0.9], 0.0, "holds"),
        ([-1.0, -1.1, -0.9], 0.0, "does not hold"),
        ([1.0, -1.0, 0.5], 0.0, "not decided"),
        ([1.0, 1.1, 0.9], 2.0, "does not hold"),
        ([0.0, 0.0, 0.0], 0.0, "does not hold"),  # no difference at all
        ([9.0], 0.0, "not decided"),  # one seed decides nothing
        ([math.inf, 0.5, math.inf], 0.0, "holds"),  # diverged, and so worse
        ([math.inf, -0.5], 0.0, "not decided"),
        ([math.nan, 1.0, 1.0], 0.0, "not decided"),
    ],
)
def test_at_least_decides_by_the_interval(values: list[float], bound: float, verdict: str) -> None:
    assert at_least("cats purr", "hours", values, bound).verdict == verdict


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.01, -0.01, 0.0], "holds"),
        ([0.5, 0.51, 0.49], "does not hold"),
        ([-0.5, -0.51, -0.49], "does not hold"),
        ([0.5, -0.5, 0.0], "not decided"),
    ],
)
def test_within_decides_by_the_interval(values: list[float], verdict: str) -> None:
    assert within("cats purr", "hours", values, 0.1).verdict == verdict


@pytest.mark.parametrize(
    ("outcomes", "verdict"), [([True, True], "holds"), ([False], "does not hold"), ([True, False], "not decided")]
)
def test_always_needs_every_seed(outcomes: list[bool], verdict: str) -> None:
    assert always("cats purr", "seeds", outcomes).verdict == verdict


def test_claim_as_json_has_no_infinite_number() -> None:
    claim = at_least("cats purr", "hours", [1.0, math.inf])
    assert json.loads(json.dumps(claim.as_json(), allow_nan=False))["values"] == [1.0, None]
    assert claim.as_json()["mean"] is None


def test_claim_as_json_tells_the_interval_and_what_it_has_to_be_in() -> None:
    claim = at_least("cats purr", "hours", [1.0, 2.0, 3.0], 0.5).as_json()
    assert claim["interval"] == pytest.approx([2 - 2.4843, 2 + 2.4843], abs=1e-3)
    assert claim["accepted"] == [0.5, None]
    assert within("cats purr", "hours", [0.0], 0.1).as_json() | {"interval": [None, None], "accepted": [-0.1, 0.1]} == (
        within("cats purr", "hours", [0.0], 0.1).as_json()
    )
    decided = always("cats purr", "seeds", [True, False]).as_json()
    assert (decided["interval"], decided["accepted"]) == (None, None)


def test_claim_prints_its_verdict_first() -> None:
    line = str(at_least("cats purr", "hours", [1.0, 2.0, 3.0], 0.5))
    assert line == "NOT DECIDED: cats purr (hours, against 0.5: 2 ± 1, n = 3)"


def test_summary_is_mean_and_spread() -> None:
    assert summary("loss", [1.0, 2.0, 3.0]) == {"loss": 2.0, "loss_spread": 1.0}
    assert summary("loss", [1.0, math.inf]) == {"loss": None, "loss_spread": None}
    assert spread([7.0]) == 0
