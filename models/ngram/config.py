"""Configuration of n-gram models: `NgramConfig`, the smoothings by name, and the limits of both.

Importing it loads neither NumPy nor Numba, so that schemas and the command line start fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from models.errors import InvalidInput

MAX_ORDER = 32
"""Largest order that is accepted, in tokens; n-grams of up to 31 words of context."""
MIN_MEMORY_BYTES = 64 << 20
"""Smallest memory budget for counting, in bytes: below it the fixed buffers would not fit."""

Smoothing = Literal[
    "mle",
    "add_delta",
    "backoff",
    "katz",
    "absolute",
    "witten_bell",
    "jelinek_mercer",
    "interpolated_kneser_ney",
    "kneser_ney",
]
ExportFormat = Literal["arpa", "unigrams", "openfst", "symbols"]
"""Formats in which a model is written for other programs: `arpa`; `unigrams`, its words; `openfst`, bigrams as an
automaton; `symbols`, the numbers that label the automaton's arcs."""


@dataclass(frozen=True)
class NgramConfig:
    """Order, smoothing, pruning and precision of an n-gram model. Raises InvalidInput for other values.

    >>> NgramConfig(order=3, smoothing="katz", prune=(0, 1)).thresholds
    (0, 1, 1)
    """

    order: int = 5
    """Length of the longest n-grams, 1 to 32: a word is predicted from the `order - 1` before it."""
    smoothing: Smoothing = "kneser_ney"
    """`mle` (count ratios), `add_delta`, `backoff` (absolute discounting) or `katz` (Good-Turing), which back off, or
    interpolated `absolute`, `witten_bell`, `jelinek_mercer`, `interpolated_kneser_ney` (one discount an order) or
    `kneser_ney` (modified: three)."""
    delta: float = 0.01
    """What `add_delta` adds to every count; above zero. One, as Laplace has it, drowns what was seen."""
    discount: float | None = None
    """What `absolute` and `interpolated_kneser_ney` take from every count, between 0 and 1; without it, each order's is
    estimated."""
    prune: tuple[int, ...] = ()
    """Per order from 1, n-grams that occur this often or less are left out after estimation; the last number holds
    for all higher orders. The first must be 0, and they must not fall. Not for `mle` and `add_delta`."""
    prune_entropy: float = 0.0
    """After that, n-grams whose loss raises the perplexity of the model by less than this share are left out too
    (Stolcke 1998), 1e-8 to 1e-6 as a rule; 0 for none. Not for `mle` and `add_delta`."""
    bits: int = 32
    """Bits of a stored log-probability: 4 to 16, or 32 to keep each as it was estimated. Not for `mle`."""

    def __post_init__(self) -> None:
        if type(self.order) is not int or not 1 <= self.order <= MAX_ORDER:
            raise InvalidInput("order", f"must be a whole number from 1 to {MAX_ORDER}")
        if self.smoothing not in get_args(Smoothing):
            raise InvalidInput("smoothing", f"must be one of {', '.join(get_args(Smoothing))}")
        if not (math.isfinite(self.delta) and self.delta > 0):
            raise InvalidInput("delta", "must be a finite number above zero")
        if self.discount is not None and not 0 < self.discount < 1:
            raise InvalidInput("discount", "must be a number between 0 and 1")
        if self.discount is not None and self.smoothing not in ("absolute", "interpolated_kneser_ney"):
            raise InvalidInput("discount", f"{self.smoothing} has none to be given; leave it out")
        if type(self.bits) is not int or not (4 <= self.bits <= 16 or self.bits == 32):
            raise InvalidInput("bits", "must be a whole number from 4 to 16, or 32")
        if self.bits < 32 and self.smoothing == "mle":
            raise InvalidInput("bits", "must be 32: mle leaves unseen words nothing to make good what rounding changes")
        self._check_prune()

    def _check_prune(self) -> None:
        if any(type(t) is not int or t < 0 for t in self.prune) or list(self.prune) != sorted(self.prune):
            raise InvalidInput("prune", "must be whole numbers that do not fall, 0 or more")
        if len(self.prune) > self.order or tuple(self.prune[:1]) not in ((), (0,)):
            raise InvalidInput("prune", f"must begin with 0, as no word is left out, and hold at most {self.order}")
        if not (math.isfinite(self.prune_entropy) and self.prune_entropy >= 0):
            raise InvalidInput("prune_entropy", "must be a finite number, 0 or more")
        field = "prune" if any(self.prune) else "prune_entropy" if self.prune_entropy else ""
        if field and self.smoothing in ("mle", "add_delta"):
            raise InvalidInput(field, f"{self.smoothing} gives what is left out nowhere to go; use kneser_ney")

    @property
    def thresholds(self) -> tuple[int, ...]:
        """Count above which an n-gram is kept, per order from 1 to `order`."""
        prune = tuple(self.prune) or (0,)
        return prune + prune[-1:] * (self.order - len(prune))
