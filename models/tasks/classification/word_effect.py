"""`WordEffect`: how a word changed the probability of a label; a module of its own that loads nothing."""

from __future__ import annotations

from typing import NamedTuple


class WordEffect(NamedTuple):
    """A word with its effect on the probability of a label."""

    text: str
    begin: int
    """Position of its first character in the text."""
    end: int
    """Position after its last character."""
    effect: float
    """Nats by which it raised the label's log-probability; negative where it lowered it."""
