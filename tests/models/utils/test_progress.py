"""Progress: reports, and what drives work that yields them."""

from collections.abc import Generator

import pytest

from models.utils.progress import Progress, run_to_completion, with_progress


def test_progress_fraction_is_the_share_of_the_steps_done() -> None:
    assert Progress("training", 5, 20).fraction == 0.25


def test_progress_fraction_never_passes_one() -> None:
    assert Progress("training", 21, 20).fraction == 1.0


def test_progress_fraction_is_zero_while_the_steps_are_not_known() -> None:
    assert Progress("counting", 7, 0).fraction == 0.0


def work(*items: int) -> Generator[int, None, str]:
    yield from items
    return "result"


def test_run_to_completion_returns_the_result_and_reports_each_item() -> None:
    reports: list[int] = []
    assert run_to_completion(work(1, 2), reports.append) == "result"
    assert reports == [1, 2]
    assert run_to_completion(work()) == "result"


def test_run_to_completion_ends_with_what_reporting_raises() -> None:
    def stop(item: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_to_completion(work(1), stop)


def test_with_progress_adds_up_what_the_work_yields() -> None:
    reports: list[Progress] = []
    assert run_to_completion(with_progress(work(2, 3), "scoring"), reports.append) == "result"
    assert [(report.phase, report.step, report.steps) for report in reports] == [("scoring", 2, 0), ("scoring", 5, 0)]
