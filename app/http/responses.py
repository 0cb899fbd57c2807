"""Many small objects as JSON, written by columns, in less time than dictionaries of them are made and written.

It knows columns of strings, numbers and truth values, and how their texts become those of objects. It does not know
what they mean.

Answers as JSON, written by orjson: a large one costs little more than making its dictionaries.

It knows plain dictionaries and their bytes. NaN and infinities would become null, so nobody may put them in:
`logprob_fields` and `zero_probability` in the schemas are the doors that log-probabilities go through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from fastapi.responses import Response
from numpy.typing import NDArray
from orjson import OPT_SERIALIZE_NUMPY, Fragment, dumps

from models.kernels.jit import Int, compiled, inlined

Column: TypeAlias = list[str] | NDArray[Any]
"""Strings, or numbers or truth values [N]."""

_COMMA, _QUOTE, _BACKSLASH, _BRACKET, _BRACE = b',"\\]}'


class Objects:
    """N objects as JSON, one after the other."""

    def __init__(self, columns: Mapping[str, Column], marks: Mapping[str, NDArray[np.bool_]] | None = None) -> None:
        """Each has the values of its row under the columns' names, null for NaN and infinities, and true for marks."""
        arrays = {name: dumps(column, option=OPT_SERIALIZE_NUMPY) for name, column in columns.items()}
        arrays |= {name: _marks(column) for name, column in (marks or {}).items() if column.any()}
        keys = [b"%b%b:" % (b"," if place else b",{", dumps(name)) for place, name in enumerate(arrays)]
        ends = np.zeros(1 + len(next(iter(columns.values()))), np.int64)
        found = np.empty(sum(map(len, arrays.values())) + (sum(map(len, keys)) + 1) * len(ends), np.uint8)
        _weave(*_joined(keys), *_joined(arrays.values()), found, ends)
        self._text, self._ends = found[: ends[-1]].tobytes(), ends.tolist()

    def array(self, begin: int, end: int) -> Fragment:
        """The array of those of row `begin` to before row `end`."""
        return Fragment(b"[%b]" % self._text[self._ends[begin] + 1 : self._ends[end]])  # without the first comma


def _marks(column: NDArray[np.bool_]) -> bytes:
    """An array in which only what is true is written."""
    return b"[%b]" % b",".join(b"true" if mark else b"" for mark in column.tolist())


def _joined(texts: Iterable[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All of them, and where each begins and the last ends."""
    return np.frombuffer(b"".join(texts), np.uint8), np.cumsum([0, *map(len, texts)])


@compiled
def _weave(keys: Any, key_places: Any, arrays: Any, places: Any, found: Any, ends: Any) -> None:
    """Write an object of each row of the arrays' elements, with a comma before it, and note where it ends [1 + N]."""
    at = 0
    for i in range(len(ends) - 1):
        for j in range(len(places) - 1):
            begin = places[j] + 1  # after the bracket, or a comma
            end = _end(arrays, begin)
            if begin < end:
                at = _copy(keys, key_places[j], key_places[j + 1], found, at)
                at = _copy(arrays, begin, end, found, at)
            places[j] = end
        found[at] = _BRACE
        at += 1
        ends[i + 1] = at


@inlined
def _copy(text: Any, begin: Int, end: Int, found: Any, at: Int) -> Int:
    for k in range(begin, end):
        found[at + k - begin] = text[k]
    return at + end - begin


@inlined
def _end(text: Any, place: Int) -> Int:
    """Where the element of an array that begins at a place ends."""
    if text[place] == _QUOTE:
        place += 1
        while text[place] != _QUOTE:
            place += 2 if text[place] == _BACKSLASH else 1
    while text[place] != _COMMA and text[place] != _BRACKET:
        place += 1
    return place


class OrjsonResponse(Response):
    """An answer of a dictionary."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Its bytes, UTF-8 without blanks."""
        return dumps(content)
