"""Regularization: whether the best strength lies in between."""

import pytest

from app.experiments.regularization import _best_in_between


@pytest.mark.parametrize(
    ("learned", "held_out", "between"),
    [
        ([2.0, 3.0, 5.0], [9.0, 6.0, 7.0], True),
        ([2.0, 3.0, 5.0], [6.0, 7.0, 9.0], False),  # none is best
        ([2.0, 3.0, 5.0], [9.0, 7.0, 6.0], False),  # most is best
        ([3.0, 2.0, 5.0], [9.0, 6.0, 7.0], False),  # some learns more by heart than none
        ([2.0, 3.0, None], [9.0, 6.0, None], True),  # out of all bounds is the worst
    ],
)
def test_regularization_is_best_between_none_and_most(
    learned: list[float | None], held_out: list[float | None], between: bool
) -> None:
    rows = [{"train": train, "valid": valid} for train, valid in zip(learned, held_out, strict=True)]
    assert _best_in_between(rows) is between
