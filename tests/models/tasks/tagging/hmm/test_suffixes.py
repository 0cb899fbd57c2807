"""Tags of unknown words by their endings: against numbers derived by hand."""

import numpy as np
import pytest

from models.errors import CheckpointDamaged
from models.model import Tensors
from models.tasks.tagging.config import HmmTaggerConfig
from models.tasks.tagging.hmm.suffix_estimation import estimate_suffixes
from models.tasks.tagging.hmm.suffixes import SuffixTable, suffix_keys

FORMS, TAGS = ["cats", "dogs", "runs"], np.array([0, 0, 1])


def suffixes(settings: HmmTaggerConfig | None = None) -> Tensors:
    return estimate_suffixes(settings or HmmTaggerConfig(), FORMS, TAGS, 2)


def scores(table: SuffixTable, form: str) -> list[float]:
    tags, values = table.look_up(form)
    return [float(values[tags.tolist().index(tag)]) for tag in (0, 1)]


def test_suffix_keys_tell_capitals_apart() -> None:
    assert suffix_keys("Ring", 2) == ["Ang", "Ag", "A"]
    assert suffix_keys("ring", 9) == ["aring", "aing", "ang", "ag", "a"]
    assert suffix_keys("", 3) == ["a"]


def test_suffix_table_abstracts_from_longer_to_shorter_endings() -> None:
    table = SuffixTable(suffixes())
    # Two of three words have tag 0, one has tag 1: so too those in `s`, of which no longer ending occurs twice.
    frequencies, theta = np.array([2 / 3, 1 / 3]), np.std([2 / 3, 1 / 3], ddof=1)
    empty = (frequencies + theta * np.array([3 / 5, 2 / 5])) / (1 + theta)
    ending = (frequencies + theta * empty) / (1 + theta)
    assert scores(table, "pits") == pytest.approx((np.log(ending) - np.log(frequencies)).tolist(), abs=1e-6)
    assert scores(table, "pit") == pytest.approx((np.log(empty) - np.log(frequencies)).tolist(), abs=1e-6)
    # No word began with a capital: tags have what they have of all rare words, and one more each.
    unseen = np.array([3 / 5, 2 / 5])
    capital = theta * unseen / (theta * unseen).sum()
    assert scores(table, "Pits") == pytest.approx((np.log(capital) - np.log(frequencies)).tolist(), abs=1e-6)


def test_suffix_table_lists_so_many_tags_as_the_settings_say() -> None:
    tags, values = SuffixTable(suffixes(HmmTaggerConfig(unknown_tags=1))).look_up("pits")
    assert tags.tolist() == [0]
    assert values.shape == (1,)


def test_suffix_table_of_words_that_are_not_rare_knows_the_empty_ending_alone() -> None:
    table = estimate_suffixes(HmmTaggerConfig(rare_count=1), ["cats", "cats"], np.array([0, 1]), 2)
    assert len(table["suffix_keys"]) == 2
    assert scores(SuffixTable(table), "cats") == scores(SuffixTable(table), "Dog")


def test_suffix_table_looks_at_the_end_of_an_enormous_word() -> None:
    table = SuffixTable(suffixes())
    assert scores(table, "x" * 10_000_000 + "s") == scores(table, "pits")  # all its endings would be 50 terabytes


def test_suffix_table_needs_the_empty_ending() -> None:
    tensors = suffixes()
    tensors["suffix_keys"] = tensors["suffix_keys"] + 1
    with pytest.raises(CheckpointDamaged, match="suffix_keys"):
        SuffixTable(tensors)
