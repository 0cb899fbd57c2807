"""Splits that a seed determines: `hold_out` for a held-out part, `folds` for cross-validation.

Examples are laid out label by label, in random order within each, and dealt from that row, so that every part has its
share of every label (of every combination, where texts have several). Questions about one story or passage stay
together: a model that has seen the story would be tested on what it knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from models.data.labelled.examples import LabelledText, Question
from models.errors import InvalidInput

Example = TypeVar("Example")


def hold_out(examples: Sequence[Example], fraction: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Split off about this fraction of the examples; both parts keep their order.

    Returns the rest and the held-out part. Raises InvalidInput where one of them would be empty.

    >>> texts = [LabelledText(str(i), ("even" if i % 2 == 0 else "odd",), i + 1) for i in range(8)]
    >>> rest, held_out = hold_out(texts, 0.25, seed=1)
    >>> sorted(text.labels for text in held_out)
    [('even',), ('odd',)]
    """
    if not 0 < fraction < 1:
        raise InvalidInput("fraction", f"must lie between 0 and 1, not {fraction!r}")
    groups = _shuffled_groups(examples, seed)
    count = round(fraction * len(groups))
    if not 0 < count < len(groups):
        message = f"must leave examples on both sides; {fraction!r} of {_describe(examples, groups)} does not"
        raise InvalidInput("fraction", message)
    # Positions spread evenly over the row, so that a label with a share of it has that share of the held-out part.
    chosen = (np.arange(count) * len(groups) + len(groups) // 2) // count
    return _deal(examples, [groups[position] for position in chosen])


def folds(examples: Sequence[Example], count: int, seed: int) -> Iterator[tuple[list[Example], list[Example]]]:
    """Yield `count` pairs of a training and a test part; every example is in exactly one test part.

    Raises InvalidInput where there are fewer examples, or stories, than folds.
    """
    groups = _shuffled_groups(examples, seed)
    if type(count) is not int or not 2 <= count <= len(groups):
        limit = _describe(examples, groups)
        raise InvalidInput("folds", f"must be a whole number from 2 to the number of {limit}, not {count!r}")
    return (_deal(examples, groups[fold::count]) for fold in range(count))


def _deal(examples: Sequence[Example], groups: list[list[int]]) -> tuple[list[Example], list[Example]]:
    """Return the examples that are in none of `groups`, and those that are."""
    chosen = {i for group in groups for i in group}
    rest = [example for i, example in enumerate(examples) if i not in chosen]
    return rest, [example for i, example in enumerate(examples) if i in chosen]


def _shuffled_groups(examples: Sequence[Example], seed: int) -> list[list[int]]:
    """Return groups of positions that stay together: in random order, but label by label."""
    groups = _groups(examples)
    order = np.random.default_rng(seed).permutation(len(groups)).tolist()
    order.sort(key=lambda i: _labels(examples[groups[i][0]]))
    return [groups[i] for i in order]


def _groups(examples: Sequence[Example]) -> list[list[int]]:
    """Return the positions of the examples, those of questions about one story or passage together."""
    stories: list[list[int]] = []
    context = ""
    for i, example in enumerate(examples):
        # A story grows from question to question, so that the context of one begins that of the next.
        if isinstance(example, Question) and context and example.context.startswith(context):
            stories[-1].append(i)
        else:
            stories.append([i])
        context = example.context if isinstance(example, Question) else ""
    # Told apart by their ends: many stories begin alike.
    groups: dict[object, list[int]] = {}
    for story in stories:
        last = examples[story[-1]]
        groups.setdefault(last.context if isinstance(last, Question) else story[0], []).extend(story)
    return list(groups.values())


def _labels(example: object) -> tuple[str, ...]:
    return example.labels if isinstance(example, LabelledText) else ()


def _describe(examples: Sequence[object], groups: list[list[int]]) -> str:
    return f"{len(groups)} {'stories or passages' if len(groups) < len(examples) else 'examples'}"
