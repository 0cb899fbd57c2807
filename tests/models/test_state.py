"""States: rows are selected, split and stacked as copies."""

import numpy as np

from models.state import State, concat, row_count, select, split


def state() -> State:
    return np.arange(3), (np.arange(6, dtype=np.float32).reshape(3, 2), np.ones((3, 0)))


def flat(state: State) -> list[object]:
    """Return the arrays of `state` as nested lists, with their dtypes."""
    if isinstance(state, tuple):
        return [item for part in state for item in flat(part)]
    return [state.tolist(), state.dtype, state.shape]


def test_select_keeps_reorders_and_duplicates_rows() -> None:
    numbers, (vectors, empty) = select(state(), [2, 0, 2])  # type: ignore[misc]
    assert numbers.tolist() == [2, 0, 2]
    assert vectors.tolist() == [[4, 5], [0, 1], [4, 5]]
    assert empty.shape == (3, 0)
    assert row_count(select(state(), [])) == 0


def test_select_copies_rows() -> None:
    whole = np.arange(3)
    row = select(whole, [1])
    assert isinstance(row, np.ndarray)
    row[0] = 9
    assert whole.tolist() == [0, 1, 2]


def test_split_and_concat_are_inverses() -> None:
    rows = split(state())
    assert [row_count(row) for row in rows] == [1, 1, 1]
    assert flat(concat(rows)) == flat(state())
    assert flat(rows[1]) == flat(select(state(), [1]))
