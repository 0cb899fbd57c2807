"""Names in cards are trusted only where they are names."""

import pytest

from models.errors import CheckpointDamaged
from models.tasks.card_names import read_names


@pytest.mark.parametrize("names", [None, "ab", [1, 2], ["a", ""], ["a", "a"], [], {"a": 1}])
def test_read_names_refuses_what_is_no_list_of_distinct_names(names: object) -> None:
    with pytest.raises(CheckpointDamaged, match="labels"):
        read_names({"labels": names}, "labels")


def test_read_names_wants_as_many_as_are_asked_for() -> None:
    with pytest.raises(CheckpointDamaged, match="fewer than 2"):
        read_names({"labels": ["a"]}, "labels", at_least=2)


def test_read_names_refuses_more_than_an_answer_can_tell() -> None:
    assert len(read_names({"tags": ["a", "b"]}, "tags", at_most=2)) == 2
    with pytest.raises(CheckpointDamaged, match="tags holds 3 names; at most 2 are accepted"):
        read_names({"tags": ["a", "b", "c"]}, "tags", at_most=2)
