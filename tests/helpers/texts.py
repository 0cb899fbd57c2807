"""Small texts to train on."""

from __future__ import annotations

import random


def some_text(lines: int = 400) -> str:
    """Return sentences of a small grammar, always the same."""
    numbers = random.Random(1)
    people, verbs = ["the cat", "the old dog", "a bird", "my friend"], ["saw", "heard", "followed", "liked"]
    ends = [".", "in the garden .", "at night .", ", and slept ."]
    return "".join(
        f"{numbers.choice(people)} {numbers.choice(verbs)} {numbers.choice(people)} {numbers.choice(ends)}\n"
        for _ in range(lines)
    )
