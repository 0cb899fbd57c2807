"""Reader of n-best lists with references: a JSON object a line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from models.data.encoding_names import UTF_8
from models.data.labelled.lines import check_text, fault, numbered_lines
from models.errors import InvalidText
from models.tokenization.raw_text import WHITESPACE, clean

MAX_SCORE = 1e12
"""Largest score, of either sign, as in requests to rescore: sums of squares of larger ones are not finite."""


@dataclass(frozen=True)
class NbestHypothesis:
    """A hypothesis of a recogniser."""

    text: str
    score: float
    """The recogniser's own score, a natural logarithm: larger is better."""


@dataclass(frozen=True)
class NbestList:
    """The n-best list of one utterance, with what was said."""

    reference: str
    """The right text; empty where nothing was said."""
    hypotheses: tuple[NbestHypothesis, ...]
    """At least one."""
    context: str
    """Text said before."""
    line: int
    """Line of the file, from 1."""


def read_nbest(path: Path, encoding: str = UTF_8) -> list[NbestList]:
    """Read n-best lists, a JSON object a line: `reference`, `hypotheses` of `text` and `score`, `context`.

    Other keys are left alone. Raises InvalidText for the first line that is wrong, and for a file without lists.
    """
    lists = [
        _parse_list(path, line, content)
        for line, content in numbered_lines(path, encoding)
        if content.strip(WHITESPACE)
    ]
    if not lists:
        raise InvalidText(str(path), "must hold at least one n-best list")
    return lists


def _parse_list(path: Path, line: int, content: str) -> NbestList:
    try:
        row = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise fault(path, line, f"must be JSON: {error}") from None
    if not isinstance(row, dict) or not isinstance(row.get("hypotheses"), list) or not row["hypotheses"]:
        raise fault(path, line, "must be an object with 'reference' and 'hypotheses', a list of at least one")
    hypotheses = tuple(_parse_hypothesis(path, line, i, item) for i, item in enumerate(row["hypotheses"]))
    reference = _text(path, line, "reference", row.get("reference"))
    return NbestList(reference, hypotheses, _text(path, line, "context", row.get("context", "")), line)


def _parse_hypothesis(path: Path, line: int, index: int, item: object) -> NbestHypothesis:
    name = f"hypotheses.{index}"
    if not isinstance(item, dict):
        raise fault(path, line, f"{name} must be an object with 'text' and 'score', not {item!r:.100}")
    score = item.get("score", 0.0)
    if not isinstance(score, int | float) or isinstance(score, bool) or not abs(score) <= MAX_SCORE:  # a NaN is not
        raise fault(path, line, f"{name}.score must be a number of at most {MAX_SCORE:g}, not {score!r:.100}")
    return NbestHypothesis(_text(path, line, f"{name}.text", item.get("text")), float(score))


def _text(path: Path, line: int, name: str, text: object) -> str:
    """Return a text, which may be empty, as tokenizers read it. Raises InvalidText for anything else."""
    return "" if text == "" else clean(check_text(path, line, name, text))
