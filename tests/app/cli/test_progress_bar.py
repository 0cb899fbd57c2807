"""Lines of progress."""

from __future__ import annotations

from app.cli.progress_bar import progress_line
from models.utils.progress import Progress


def test_progress_line_counts_tokens_where_the_end_is_unknown() -> None:
    assert progress_line(Progress("evaluating", 1515, 0)) == "evaluating 1,515 tokens"
    assert progress_line(Progress("reading", 0, 0)) == "reading"


def test_progress_line_shows_the_share_of_known_steps() -> None:
    assert progress_line(Progress("training", 5, 10)) == "training  50% ##########.......... 5/10"
