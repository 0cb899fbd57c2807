"""Sentences of a context, as ranges of its tokens."""

from __future__ import annotations

from itertools import pairwise

from models.special_tokens import EOS
from models.tasks.text import TaskText

_ENDS = frozenset(".!?") | {"...", "?!", "!?"}
"""Tokens after which a sentence ends; the end of a line ends one as well."""


def sentence_ranges(text: TaskText) -> list[tuple[int, int]]:
    """Return the first token of each sentence and the one after its last, the end of its line included.

    >>> import numpy as np
    >>> sentence_ranges(TaskText(np.array([2, 3, EOS, 4]), ("john", ".", "</s>", "mary")))
    [(0, 3), (3, 4)]
    """
    ends = [i for i, form in enumerate(text.forms, 1) if form in _ENDS and not _is_line_end(text, i)]
    ends += [i for i in range(1, len(text) + 1) if _is_line_end(text, i - 1)]
    borders = sorted({0, *ends, len(text)})
    return list(pairwise(borders))


def split_sentences(text: TaskText) -> tuple[TaskText, ...]:
    """Return the sentences of a text, which hold all of its tokens."""
    return tuple(TaskText(text.ids[begin:end], text.forms[begin:end]) for begin, end in sentence_ranges(text))


def _is_line_end(text: TaskText, position: int) -> bool:
    return position < len(text) and int(text.ids[position]) == EOS
