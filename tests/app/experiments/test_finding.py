"""A claim stands with whether it held; what is out of all bounds is worse than anything."""

import pytest

from app.experiments.finding import Finding, is_lower


@pytest.mark.parametrize(
    ("held", "heading"), [(True, "cats purr: so it was here"), (False, "cats purr: not so here"), (None, "cats purr")]
)
def test_finding_heading_says_whether_the_claim_held(held: bool | None, heading: str) -> None:
    assert Finding("cats", "cats purr", held, [], [], ("x", "y")).heading == heading


def test_is_lower_ranks_a_perplexity_out_of_bounds_last() -> None:
    assert is_lower(2.0, 3.0)
    assert is_lower(2.0, None)
    assert not is_lower(2.0, 2.0)
    assert not is_lower(None, 3.0)
    assert not is_lower(None, None)
