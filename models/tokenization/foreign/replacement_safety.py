"""Check of a foreign file's replacements: steps that make a short text a very long one are refused.

Forty steps that each write `aa` for `a` would make a terabyte of one letter. Steps multiply where one finds what
another has written; those of published tokenizers write a few characters for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from models.errors import InvalidInput

MAX_GROWTH = 1000
"""Characters that all steps together may write for one."""

MAX_STEPS = 1000
"""Most replacements of a file: each is compared with all before it."""


class _Replacement(NamedTuple):
    """A step that writes `content` for each `pattern`; a pattern of None is a regular expression."""

    pattern: str | None
    content: str

    @property
    def growth(self) -> float:
        """Characters that are written for one, at most; an empty pattern is found between any two."""
        return max(1.0, (len(self.content) + (not self.pattern)) / max(len(self.pattern or ""), 1))

    def finds(self, text: str) -> bool:
        """Whether the pattern may be found in a text that stands beside others."""
        return not self.pattern or not set(self.pattern).isdisjoint(text)


def check_replacements(document: dict[str, Any]) -> None:
    """Raise InvalidInput where the normalizer or the decoder of a file's content may make a text too long.

    >>> step = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    >>> check_replacements({"normalizer": {"type": "Sequence", "normalizers": [step] * 40}})
    Traceback (most recent call last):
    models.errors.InvalidInput: tokenizer: the steps of the normalizer write more than 1,000 characters for one
    """
    for part in ("normalizer", "decoder"):
        steps = list(_replacements(document.get(part)))
        if len(steps) > MAX_STEPS:
            raise InvalidInput("tokenizer", f"has more than {MAX_STEPS:,} replacements in its {part}")
        if _growth(steps) > MAX_GROWTH:
            raise InvalidInput(
                "tokenizer", f"the steps of the {part} write more than {MAX_GROWTH:,} characters for one"
            )


def _growth(steps: list[_Replacement]) -> float:
    """Return how many characters steps, one after the other, write for one."""
    growths: list[float] = []
    for step in steps:
        before = zip(steps, growths, strict=False)
        growths.append(step.growth * max((growth for other, growth in before if step.finds(other.content)), default=1))
    return max(growths, default=1)


def _replacements(content: Any) -> Iterator[_Replacement]:
    """Yield the steps of type `Replace` in their order, at any depth."""
    pending = [content]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pattern, written = value.get("pattern"), value.get("content")
            if value.get("type") == "Replace" and isinstance(pattern, dict) and isinstance(written, str):
                fixed = pattern.get("String")
                yield _Replacement(fixed if isinstance(fixed, str) else None, written)
            pending += [inner for inner in reversed(value.values()) if isinstance(inner, dict | list)]
        elif isinstance(value, list):
            pending += [inner for inner in reversed(value) if isinstance(inner, dict | list)]
