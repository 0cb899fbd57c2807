"""Names of labels, tags or answers, read from a checkpoint's card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.errors import CheckpointDamaged

MAX_NAMES = 100_000
"""Names in one field, at most: an answer that told the probability of each would have 10 MB."""


def read_names(config: Mapping[str, Any], field: str, at_least: int = 1, at_most: int = MAX_NAMES) -> tuple[str, ...]:
    """Return the names in a card's field. Raises CheckpointDamaged unless they are few distinct strings.

    >>> read_names({"labels": ["bad", "good"]}, "labels")
    ('bad', 'good')
    """
    names = config.get(field)
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise CheckpointDamaged(f"config: {field} is not a list of names")
    if len(names) > at_most:
        raise CheckpointDamaged(f"config: {field} holds {len(names)} names; at most {at_most} are accepted")
    if len(set(names)) < max(len(names), at_least):
        raise CheckpointDamaged(f"config: {field} holds a name twice, or fewer than {at_least}")
    return tuple(names)
