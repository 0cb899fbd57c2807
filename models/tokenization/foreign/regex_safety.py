"""Check of the patterns in a foreign file: a pattern that takes for ever on some text is refused.

A group that repeats without bound what itself repeats without bound, as in `(a+)+`, can be matched in exponentially
many ways. The patterns of published tokenizers have no such group. What still takes long is cut off by the limit of
steps of the regular expression library, which makes an error of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from models.errors import InvalidInput

MAX_PATTERN_CHARS = 10_000
"""Longest pattern, in characters; those of published tokenizers have some hundred."""
_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\(|\)|[*+]|\{\d*,\}|\{[^}]*\}|\?|.", re.DOTALL)
"""An escaped character, a class, a bracket, a repetition or any other character of a pattern."""
_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")


def check_patterns(document: Any) -> None:
    """Raise InvalidInput for a pattern anywhere in a file's content that may take for ever.

    >>> check_patterns({"pattern": {"Regex": "(a+)+$"}})
    Traceback (most recent call last):
    models.errors.InvalidInput: tokenizer: the pattern '(a+)+$' repeats a repetition, which may take for ever
    """
    for pattern in _patterns(document):
        if len(pattern) > MAX_PATTERN_CHARS:
            raise InvalidInput("tokenizer", f"must have patterns of at most {MAX_PATTERN_CHARS:,} characters")
        if repeats_a_repetition(pattern):
            raise InvalidInput(
                "tokenizer", f"the pattern {pattern[:80]!r} repeats a repetition, which may take for ever"
            )


def repeats_a_repetition(pattern: str) -> bool:
    """Whether a group of the pattern that holds an unbounded repetition is itself repeated without bound."""
    groups = [False]  # whether each open group holds an unbounded repetition
    closed: bool | None = None  # the same of the group that has just been closed
    for piece in _PIECE.findall(pattern):
        if piece == "(":
            groups.append(False)
        elif piece == ")" and len(groups) > 1:
            closed = groups.pop()
            groups[-1] |= closed
            continue
        elif _UNBOUNDED.fullmatch(piece):
            if closed:
                return True
            groups[-1] = True
        closed = None
    return False


def _patterns(content: Any) -> Iterator[str]:
    """Yield every value of a key `Regex`, at any depth."""
    for value in json_objects(content):
        if isinstance(value.get("Regex"), str):
            yield value["Regex"]


def json_objects(content: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a file's content, at any depth, in order."""
    pending = [content]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield value
            value = list(value.values())
        if isinstance(value, list):
            pending += [inner for inner in reversed(value) if isinstance(inner, dict | list)]
