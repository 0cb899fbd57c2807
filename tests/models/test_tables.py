"""The layout of a back-off table, and that a damaged one is told from a sound one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.errors import CheckpointDamaged
from models.ngram import NgramConfig, NgramModel
from models.tables import BackoffTables
from tests.models.test_smoothing import trained

SIZE = 6
Arrays = dict[str, NDArray[Any]]
TABLES = trained([[2, 3, 2], [2, 3, 4], []], NgramConfig(3), SIZE).tables


def arrays() -> Arrays:
    return {name: array.copy() for name, array in TABLES.arrays().items()}


def test_layout_by_hand() -> None:
    trie = TABLES.trie
    # node 0; words 1..6; </s> </s>, </s> a, a </s>, a b, b a, b c, c </s> from 7 to 13; trigrams from 14
    assert TABLES.levels.tolist() == [0, 1, 7, 14, 19]
    assert trie.token.tolist() == [0, 0, 1, 2, 3, 4, 5, 1, 2, 1, 3, 2, 4, 1, 3, 2, 4, 1, 1]
    assert trie.children.tolist() == [1, 7, 7, 9, 11, 13, 14, 14, 14, 15, 15, 17, 18, 19, 19]
    # the suffix of "</s> a" is "a"; those of n-grams ending in </s> point to "</s>", which has children
    assert trie.suffix.tolist() == [0] * 7 + [2, 3, 2, 4, 3, 5, 2]
    assert [TABLES.words(node) for node in (0, 3, 10, 15)] == [[], [2], [2, 3], [2, 3, 2]]


def test_words_need_two_bytes_while_they_fit() -> None:
    assert TABLES.trie.token.dtype == np.uint16
    assert trained([[2]], NgramConfig(2), 2**16).tables.trie.token.dtype == np.uint16
    assert trained([[2]], NgramConfig(2), 2**16 + 1).tables.trie.token.dtype == np.uint32


def put(name: str, at: int, value: float) -> Callable[[Arrays], object]:
    return lambda a: a[name].__setitem__(at, value)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda a: a.pop("suffix"), id="missing"),
        pytest.param(lambda a: a.update(extra=a["token"]), id="foreign"),
        pytest.param(lambda a: a.update(token=a["token"][:-1]), id="short"),
        pytest.param(lambda a: a.update(token=a["token"].astype(np.int64)), id="dtype"),
        pytest.param(lambda a: a.update(logprob=a["logprob"][:, None]), id="shape"),
        pytest.param(put("levels", 2, 6), id="vocabulary"),
        pytest.param(put("levels", 3, 100), id="levels"),
        pytest.param(put("children", 3, 200), id="children beyond the end"),
        pytest.param(put("children", 4, 8), id="children fall"),
        pytest.param(put("children", 7, 15), id="children of another order"),
        pytest.param(put("token", 2, 0), id="unigrams"),
        pytest.param(put("token", 9, 3), id="siblings out of sequence"),
        pytest.param(put("token", 18, SIZE), id="no such word"),
        pytest.param(put("suffix", 9, 9), id="suffix of its own order"),
        pytest.param(put("suffix", 3, -1), id="suffix below zero"),
        pytest.param(put("suffix", 0, 1), id="suffix of nothing"),
        pytest.param(put("logprob", 5, np.nan), id="nan"),
        pytest.param(put("logprob", 5, 0.5), id="above one"),
        pytest.param(put("backoff", 5, np.nan), id="weight nan"),
        pytest.param(put("backoff", 5, np.inf), id="weight infinite"),
    ],
)
def test_damage_is_named(damage: Callable[[Arrays], object]) -> None:
    damaged = arrays()
    damage(damaged)
    with pytest.raises(CheckpointDamaged, match="n-gram table"):
        BackoffTables.from_arrays(damaged, 3, SIZE, {})


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["token", "children", "suffix", "levels"]), st.integers(0, 18), st.integers(-3, 25))
def test_no_single_wrong_number_leads_out_of_the_arrays(name: str, at: int, value: int) -> None:
    damaged = arrays()
    at %= len(damaged[name])
    damaged[name][at] = max(value, 0) if name == "token" else value
    try:
        tables = BackoffTables.from_arrays(damaged, 3, SIZE, {})
    except CheckpointDamaged:
        return
    model = NgramModel(NgramConfig(3), tables)
    ids = np.array([a * SIZE + b for a in range(SIZE) for b in range(SIZE)]) % SIZE
    assert len(model.score_ids(0, ids)[0]) == len(ids)


def test_another_vocabulary_is_damage() -> None:
    with pytest.raises(CheckpointDamaged, match="7 words"):
        BackoffTables.from_arrays(arrays(), 3, 7, {})
