"""The arrays of a back-off table by hand, and damaged ones, which must be refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.errors import CheckpointDamaged
from models.ngram.backoff_table import BackoffTable, check_trie
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.trie import LEVEL_FIELDS
from tests.helpers.estimation import estimate_model

SIZE = 6
Arrays = dict[str, NDArray[Any]]
TABLE = estimate_model([[2, 3, 2], [2, 3, 4], [], [2] * 9], NgramConfig(3), SIZE).table
WIDE = estimate_model([[i, i % 7 + 2] for i in range(2, 40)], NgramConfig(3), 40).table


def arrays(table: BackoffTable = TABLE) -> Arrays:
    return {name: array.copy() for name, array in table.arrays().items()}


def test_backoff_table_by_hand() -> None:
    unigrams, bigrams, trigrams = TABLE.unpack_orders()
    assert unigrams.token.tolist() == list(range(SIZE))
    # </s> </s>, </s> a, a </s>, a a, a b, b a, b c, c </s>
    assert bigrams.token.tolist() == [1, 2, 1, 2, 3, 2, 4, 1]
    assert unigrams.child_offsets.tolist() == [0, 0, 2, 5, 7, 8, 8]
    # </s> a a, </s> a b, a a </s>, a a a, a b a, a b c, b a </s>, b c </s>
    assert trigrams.token.tolist() == [2, 3, 1, 2, 2, 4, 1, 1]
    assert bigrams.child_offsets.tolist() == [0, 0, 2, 2, 4, 6, 7, 8, 8]
    assert [TABLE.ngram_ids(n, i) for n, i in ((1, 2), (2, 4), (3, 5))] == [[2], [2, 3], [2, 3, 4]]
    assert TABLE.trie.levels["suffix_closed"].tolist() == [0, 1, 1, 1]


def test_backoff_table_stores_the_offsets_of_a_block_with_many_children_apart() -> None:
    assert WIDE.unpack_orders()[0].child_offsets[1:3].tolist() == [0, 38]  # all words follow the boundary
    assert len(WIDE.trie.overflow_offsets) == 1 + 17
    assert BackoffTable.from_arrays(arrays(WIDE), 3, 40, {}).order_sizes == WIDE.order_sizes


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_backoff_table_is_no_larger_than_its_fields(order: int) -> None:
    table = estimate_model([[2, 3, 2], [2, 3, 4]], NgramConfig(order), 2**16).table
    assert table.trie.levels["token_bits"][1:].tolist() == [0] + [16] * (order - 1)
    assert BackoffTable.from_arrays(arrays(table), order, 2**16, {}).order_sizes == table.order_sizes


def put(name: str, at: int, value: float) -> Callable[[Arrays], object]:
    return lambda a: a[name].__setitem__(at, value)


def level(n: int, field: str, value: int) -> Callable[[Arrays], object]:
    return lambda a: a["levels"].__setitem__((n, LEVEL_FIELDS.index(field)), value)


def raw(n: int, i: int, value: float) -> Callable[[Arrays], object]:
    """Put a log-probability of order n into its record; there is no book of them in a table so small."""

    def change(a: Arrays) -> None:
        begin, width = (a["levels"][n][LEVEL_FIELDS.index(name)] for name in ("first_record_bit", "token_bits"))
        bits = np.unpackbits(a["data"], bitorder="little")
        at = begin + i * (width + 32) + width
        bits[at : at + 32] = np.unpackbits(np.array([value], np.float32).view(np.uint8), bitorder="little")
        a["data"][:] = np.packbits(bits, bitorder="little")

    return change


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda a: a.pop("data"), id="missing"),
        pytest.param(lambda a: a.update(extra=a["data"]), id="foreign"),
        pytest.param(lambda a: a.update(data=a["data"][:-1]), id="short"),
        pytest.param(lambda a: a.update(data=a["data"].astype(np.int64)), id="dtype"),
        pytest.param(lambda a: a.update(levels=a["levels"].astype(np.int32)), id="levels dtype"),
        pytest.param(lambda a: a.update(levels=a["levels"][:, :-1]), id="levels shape"),
        pytest.param(lambda a: a.update(levels=a["levels"][:-1]), id="order"),
        pytest.param(lambda a: a.update(books=a["books"][:, None]), id="shape"),
        pytest.param(lambda a: a.update(wide=np.append(a["wide"], np.int32(3))), id="left over"),
        pytest.param(level(1, "size", 7), id="vocabulary"),
        pytest.param(level(3, "size", 100), id="size"),
        pytest.param(level(3, "size", -1), id="negative size"),
        pytest.param(level(2, "first_record_bit", 8), id="records"),
        pytest.param(level(2, "first_block_byte", 8), id="blocks"),
        pytest.param(level(2, "token_bits", 60), id="too wide"),
        pytest.param(level(2, "logprob_bits", 0), id="too narrow"),
        pytest.param(level(2, "logprob_codebook", 5), id="no such book"),
        pytest.param(raw(3, 2, np.nan), id="nan"),
        pytest.param(raw(3, 3, 0.5), id="above one"),
        pytest.param(put("books", 2, 0.5), id="above one in a book"),
        pytest.param(put("books", 16, np.nan), id="weight nan"),
        pytest.param(put("books", 16, np.inf), id="weight infinite"),
    ],
)
def test_backoff_table_from_arrays_refuses_damage(damage: Callable[[Arrays], object]) -> None:
    damaged = arrays()
    damage(damaged)
    with pytest.raises(CheckpointDamaged, match="n-gram table"):
        BackoffTable.from_arrays(damaged, 3, SIZE, {})


@settings(max_examples=500, deadline=None)
@given(st.sampled_from([TABLE, WIDE]), st.sampled_from(["data", "levels", "wide"]), st.integers(0), st.integers(0, 63))
def test_backoff_table_with_a_single_wrong_bit_never_leads_out_of_its_arrays(
    table: BackoffTable, name: str, at: int, bit: int
) -> None:
    damaged = arrays(table)
    flat = damaged[name].reshape(-1)
    if not flat.size:
        return
    flat.view(np.uint8)[at % flat.nbytes] ^= 1 << bit % 8
    size = table.vocabulary_size
    try:
        loaded = BackoffTable.from_arrays(damaged, 3, size, {})
    except CheckpointDamaged:
        return
    model = NgramModel(NgramConfig(3), loaded)
    ids = np.array([a * size + b for a in range(size) for b in range(size)]) % size
    assert len(model.score_ids(model.null_state(1), ids)[0]) == len(ids)


def test_backoff_table_from_arrays_refuses_another_vocabulary() -> None:
    with pytest.raises(CheckpointDamaged, match="7 words"):
        BackoffTable.from_arrays(arrays(), 3, 7, {})


LINES = np.random.default_rng(7).integers(2, 40, (200, 10)).tolist()


@pytest.mark.parametrize("order", [1, 2, 5])
def test_check_trie_accepts_what_is_estimated(order: int) -> None:
    trie = estimate_model(LINES, NgramConfig(order), 40).table.trie
    check_trie(trie, order, 40)
    with pytest.raises(CheckpointDamaged, match="orders"):
        check_trie(trie, order + 1, 40)
