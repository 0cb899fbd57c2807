"""Objects written by columns are, byte for byte, what dictionaries of the same values become."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from orjson import dumps

from app.http.responses import Objects

texts = st.text(st.sampled_from('a",\\]}[{\n\x00é🌍'), max_size=6)
numbers = st.floats() | st.sampled_from([0.0, -0.0, 1e300, 5e-324])
rows = st.lists(st.tuples(texts, st.integers(-(2**63), 2**63 - 1), numbers, st.booleans()), max_size=9)


@given(rows, st.data())
def test_objects_are_those_of_dictionaries(rows, data):
    token, number, value, truth = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = {'to"k': list(token), "id": np.array(number, np.int64), "é": np.array(value), "t": np.array(truth, bool)}
    objects = Objects(columns)
    begin, end = sorted(data.draw(st.integers(0, len(rows))) for _ in range(2))
    assert dumps(objects.array(begin, end)) == dumps([dict(zip(columns, row, strict=True)) for row in rows[begin:end]])


@given(st.lists(st.booleans(), min_size=1))
def test_marks_are_told_of_where_they_are_set(marks):
    objects = Objects({"id": np.arange(len(marks))}, {"odd": np.array(marks), "never": np.zeros(len(marks), bool)})
    told = [{"id": i, "odd": True} if mark else {"id": i} for i, mark in enumerate(marks)]
    assert dumps(objects.array(0, len(marks))) == dumps(told)
