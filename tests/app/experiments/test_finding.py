"""Claims stand with their verdicts; what is out of all bounds is worse than anything."""

import json
import math

import pytest

from app.experiments.claim import always
from app.experiments.finding import ExperimentInput, Finding, log_ratio


@pytest.mark.parametrize(
    ("outcome", "heading"), [(True, "cats purr: holds"), (False, "cats purr: does not hold"), (None, "as they sleep")]
)
def test_finding_heading_says_whether_the_claim_held(outcome: bool | None, heading: str) -> None:
    claims = [] if outcome is None else [always("cats purr", "cats", [outcome])]
    assert Finding("cats", claims, [], [], ("x", "y"), note="as they sleep").heading == heading


def test_finding_as_json_has_verdicts_and_figures() -> None:
    finding = Finding("cats", [always("cats purr", "cats", [True, False])], [{"cat": "Tom"}], [], ("x", "y"))
    data = json.loads(json.dumps(finding.as_json()))
    assert data["claims"][0] | {"spread": None} == {
        "text": "cats purr", "verdict": "not decided", "measured": "cats", "values": [1, 0], "mean": 0.5,
        "spread": None, "interval": None, "accepted": None,
    }  # fmt: skip
    assert data["rows"] == [{"cat": "Tom"}]


def test_log_ratio_ranks_a_perplexity_out_of_bounds_last() -> None:
    assert log_ratio(2.0, 3.0) == pytest.approx(math.log(1.5))
    assert log_ratio(2.0, None) == math.inf
    assert log_ratio(2.0, 2.0) == 0
    assert log_ratio(None, 3.0) == -math.inf
    assert math.isnan(log_ratio(None, None))


def test_experiment_input_numbers_its_seeds_from_one() -> None:
    assert list(ExperimentInput([], [], [], 1, 1.0, 1, seeds=2).seed_numbers) == [1, 2]  # type: ignore[arg-type]
