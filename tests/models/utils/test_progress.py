"""Progress reports."""

from models.utils.progress import Progress


def test_progress_fraction_is_the_share_of_the_steps_done() -> None:
    assert Progress("training", 5, 20).fraction == 0.25


def test_progress_fraction_never_passes_one() -> None:
    assert Progress("training", 21, 20).fraction == 1.0


def test_progress_fraction_is_zero_while_the_steps_are_not_known() -> None:
    assert Progress("counting", 7, 0).fraction == 0.0
