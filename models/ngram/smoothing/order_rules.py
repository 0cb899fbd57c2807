"""Rules by which the numbers of an order follow from its counts, and counts of counts of the whole.

The smoothings themselves (`estimator`) see all counts of an order at once. Where an order is divided among machines,
each estimates its own range of contexts by the same rules, and to the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import InvalidInput
from models.ngram.config import NgramConfig, Smoothing
from models.ngram.count_table import Level
from models.ngram.smoothing.absolute_discounting import FALLBACK_DISCOUNT, discount_of, discounted_counts, shares_less
from models.ngram.smoothing.estimate import Below, Numerators, Shares, back_off_level, interpolate_level
from models.ngram.smoothing.katz import good_turing_discounts, plain_counts, scaled_counts
from models.ngram.smoothing.kneser_ney import FALLBACK_DISCOUNTS, discounted_shares, single_discount, three_discounts
from models.ngram.smoothing.witten_bell import witten_bell_shares
from models.utils.arrays import BoolArray, Float64Array, IntArray
from models.utils.scratch import Scratch

MOST_TALLIED = 6
"""Largest count of which it matters how many n-grams have it: one above Katz's k."""
Tallies = Sequence[Sequence[float]]
"""Per order from 1, how many n-grams are counted 0, 1, ... MOST_TALLIED times, and how many more often."""


def takes_continuations(config: NgramConfig) -> bool:
    """Whether a smoothing takes continuation counts (`Counts.adjusted_counts`) below the highest order."""
    return config.smoothing in ("kneser_ney", "interpolated_kneser_ney")


def check_divisible(config: NgramConfig, *, closed: bool) -> None:
    """Raise InvalidInput for what needs all n-grams in one place."""
    whole = {
        "smoothing": config.smoothing in ("mle", "add_delta", "jelinek_mercer"),
        "prune_entropy": config.prune_entropy > 0,
        "bits": config.bits < 32,
        "closed": closed,
    }
    for name, is_whole in whole.items():
        if is_whole:
            value = getattr(config, name, closed)
            raise InvalidInput(name, f"{value} needs all n-grams on one machine: leave estimate out, and pack does it")


@dataclass(frozen=True)
class OrderRules:
    """Rules of the orders 1 to N of `config`, by the tallies of the whole text.

    >>> rules = OrderRules.of(NgramConfig(1, "absolute"), [[0, 4, 2, 0, 0, 0, 0, 1]], is_every_word_seen=False)
    >>> rules.details
    {'discounts': [0.5]}
    """

    config: NgramConfig
    tallies: Tallies
    discounts: Sequence[Sequence[float]]
    """Per order; for Katz the factors of rare counts, none where all counts are believed."""
    fallback: Sequence[int]
    """Orders whose counts of counts give no discounts."""

    @classmethod
    def of(cls, config: NgramConfig, tallies: Tallies, *, is_every_word_seen: bool) -> OrderRules:
        """Derive the rules."""
        discounts: list[Sequence[float]] = []
        fallback: list[int] = []
        for n, tally in enumerate(tallies, start=1):
            found = _discounts(config, tally, is_complete=n == 1 and is_every_word_seen)
            if found is None:
                fallback.append(n)
            discounts.append(list(_DEFAULTS[config.smoothing] if found is None else found))
        return cls(config, tallies, discounts, fallback)

    @property
    def details(self) -> dict[str, Any]:
        """Details of the estimate, as `estimator` tells them."""
        if self.config.smoothing == "witten_bell":
            return {}
        if self.config.smoothing in ("absolute", "backoff"):
            fallback = {"fallback_orders": list(self.fallback)} if self.fallback else {}
            return {"discounts": [amount for (amount,) in self.discounts]} | fallback
        return {"discounts": list(map(list, self.discounts)), "fallback_orders": list(self.fallback)}

    def estimate(
        self, n: int, level: Level, adjusted: IntArray, kept: BoolArray, below: Below, word_count: int, scratch: Scratch
    ) -> tuple[Float64Array, Float64Array]:
        """Compute the probabilities [rows] and weights [contexts] of whole contexts of order n.

        `adjusted` [rows] are the counts to be smoothed, `word_count` the words that may have a probability.
        """
        if self.config.smoothing in ("backoff", "katz"):
            return back_off_level(level, kept, self._numerators(n), below, word_count, scratch)
        return interpolate_level(level, kept, self._shares(n, adjusted), below, scratch)

    def _shares(self, n: int, adjusted: IntArray) -> Shares:
        amounts = self.discounts[n - 1]
        if self.config.smoothing == "witten_bell":
            return witten_bell_shares
        return shares_less(amounts[0]) if self.config.smoothing == "absolute" else discounted_shares(adjusted, amounts)

    def _numerators(self, n: int) -> Numerators:
        amounts = self.discounts[n - 1]
        if self.config.smoothing == "backoff":
            return discounted_counts(amounts[0])
        if n in self.fallback:
            return discounted_counts(discount_of(*map(int, self.tallies[n - 1][1:3])))
        return scaled_counts(amounts) if amounts else plain_counts


_DEFAULTS: dict[Smoothing, Sequence[float]] = {
    "kneser_ney": FALLBACK_DISCOUNTS,
    "interpolated_kneser_ney": (FALLBACK_DISCOUNT,),
    "absolute": (FALLBACK_DISCOUNT,),
    "backoff": (FALLBACK_DISCOUNT,),
    "katz": (),
}
"""Discounts of an order whose counts of counts give none."""


def _discounts(config: NgramConfig, tally: Sequence[float], *, is_complete: bool) -> Sequence[float] | None:
    """Return the discounts of an order, or None; `is_complete`: of unigrams that have all been seen."""
    if config.smoothing == "kneser_ney":
        return three_discounts(tally)
    if config.smoothing == "katz":
        return [] if is_complete else good_turing_discounts(tally) or None
    if config.smoothing == "backoff" and is_complete:
        return [0.0]
    if config.smoothing == "witten_bell":
        return []
    return single_discount(tally) if config.discount is None else [config.discount]
