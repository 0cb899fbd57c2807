"""Small texts to train on, and ARPA texts and a binary as other programs write them."""

from __future__ import annotations

import base64
import random
import zlib
from pathlib import Path


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

KENLM_PROBING = (
    "c-qU&O)OBz$yLZGDJihh*U!#KO-##7%}LQq&d=3P&QD2INXswEO)OC;OD!tS%+FIW<zhg9274f}pAks>2Lg}?BUFY7OdhaD7Gs0btPH4tje&H)mGk"
    "{$ZSjL_kUgP$YZe&2UUw5@Zb6;mUdy&pu$>#*Z9Shn@14yIWM2)vectbrRtgKm-TOfV1H-XH#(^gLHorFlxwB!mf|UKqW8M2ew29{zu=pH_Tl-*k"
    "a(rUSXxV5ioTQVyZ`U&BKB-mvw#`<UwND{-%D%1%Hrfm4$?e1CUd=Z13wsVVE2Q0K-QQUB_CsxTO)E&RO=(`X9fM6V5bFbpqSO?IwEPN&qSCx#1_"
    "0*_W@i"
)
"""What KenLM's `build_binary probing` makes of four bigrams, for `unpacked`: "red fox runs" has 0.5, 0.6, 0.5, 0.7."""


def unpacked(text: str, path: Path) -> Path:
    """Write the file that a compressed text in base 85 holds; return its path."""
    path.write_bytes(zlib.decompress(base64.b85decode(text)))
    return path
