"""Check of a foreign file's replacements: steps that make a short text a very long one are refused.

Forty steps that each write `aa` for `a` would make a terabyte of one letter. Steps multiply where one finds what
another has written; those of published tokenizers write a few characters for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from models.errors import InvalidInput
from models.tokenization.foreign.regex_safety import json_objects

MAX_GROWTH = 1000
"""Characters that all steps together may write for one."""


class _Replacement(NamedTuple):
    """A step that writes `content` for each `pattern`; a pattern of None is a regular expression."""

    pattern: str | None
    content: str

    @property
    def growth(self) -> float:
        """Characters that are written for one, at most; an empty pattern is found between any two."""
        return max(1.0, (len(self.content) + (not self.pattern)) / max(len(self.pattern or ""), 1))


def check_replacements(document: dict[str, Any]) -> None:
    """Raise InvalidInput where the normalizer or the decoder of a file's content may make a text too long.

    >>> step = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    >>> check_replacements({"normalizer": {"type": "Sequence", "normalizers": [step] * 40}})
    Traceback (most recent call last):
    models.errors.InvalidInput: tokenizer: the steps of the normalizer write more than 1,000 characters for one
    """
    for part in ("normalizer", "decoder"):
        if _growth(_replacements(document.get(part))) > MAX_GROWTH:
            raise InvalidInput(
                "tokenizer", f"the steps of the {part} write more than {MAX_GROWTH:,} characters for one"
            )


def _growth(steps: Iterable[_Replacement]) -> float:
    """Return how many characters steps, one after the other, write for one.

    A step may find its pattern in what an earlier one wrote if they share a character: parts of it may stand in several
    texts side by side. Time is linear in the steps' characters.
    """
    by_character: dict[str, float] = {}  # the growth up to the steps that write it
    greatest = 1.0
    for step in steps:
        before = max(by_character.get(c, 1.0) for c in step.pattern) if step.pattern else greatest
        growth = step.growth * before
        greatest = max(greatest, growth)
        by_character |= {c: max(growth, by_character.get(c, 1.0)) for c in set(step.content)}
    return greatest


def _replacements(content: Any) -> Iterator[_Replacement]:
    """Yield the steps of type `Replace` in their order, at any depth."""
    for value in json_objects(content):
        pattern, written = value.get("pattern"), value.get("content")
        if value.get("type") == "Replace" and isinstance(pattern, dict) and isinstance(written, str):
            fixed = pattern.get("String")
            yield _Replacement(fixed if isinstance(fixed, str) else None, written)
