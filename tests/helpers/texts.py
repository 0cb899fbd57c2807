"""Small texts to train on, and ARPA texts as other programs write them."""

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


PRUNED_BY_OTHERS = """\
made by hand

\\data\\
ngram 1=5
ngram 2=3
ngram 3=2

\\1-grams:
-99\t<s>\t-0.5
-0.6\t</s>
-0.7\tb\t-0.2
-0.5\ta\t-0.3
-2 <unk>

\\2-grams:
-0.2\t<s> a\t-0.1
-0.3\tb a\t-0.4
-0.25\ta b

\\3-grams:
-0.15\tb a b
-0.05\t<s> a </s>

\\end\\
"""
