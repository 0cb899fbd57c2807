"""Every n-gram smoothing written once more as its formula reads, on dictionaries: what the fast code is held against.

Lines are lists of ids without their end; a history is the tuple of ids since the boundary `BOS`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache, cached_property

BOS, EOS = -1, 1
Gram = tuple[int, ...]


class Reference:
    """P(word | history) of each smoothing for models of order `order` over `size` words."""

    def __init__(self, lines: Sequence[Sequence[int]], order: int, size: int, prune: Sequence[int] = ()) -> None:
        self.order, self.size = order, size
        self.prune = [*prune, *[prune[-1] if prune else 0] * (order - len(prune))]
        self.count: Counter[Gram] = Counter()
        for line in lines:
            words = (BOS, *line, EOS)
            for n in range(1, order + 1):
                self.count.update(words[i : i + n] for i in range(len(words) - n + 1))
        del self.count[(BOS,)]
        self.follows: dict[Gram, set[int]] = defaultdict(set)
        for gram in self.count:
            self.follows[gram[:-1]].add(gram[-1])
        self.sizes = cache(self._sizes)
        self.backoff_parts = cache(self._backoff_parts)
        self.shares = cache(self._shares)
        self.mixing = cache(self._mixing)

    def context(self, history: Gram) -> Gram:
        return (BOS, *history)[-(self.order - 1) :] if self.order > 1 else ()

    def total(self, h: Gram, count: Counter[Gram]) -> int:
        return sum(count[(*h, w)] for w in self.follows[h])

    def kept(self, gram: Gram) -> bool:
        return len(gram) == 1 or self.count[gram] > self.prune[len(gram) - 1]

    def probability(self, smoothing: str, word: int, history: Gram, delta: float = 1.0) -> float:
        match smoothing:
            case "mle":
                return self.mle(word, history)
            case "add_delta":
                return self.add_delta(word, history, delta)
            case "backoff" | "katz":
                return self._back_off(smoothing, word, self.context(history))
        return self._interpolate(smoothing, word, self.context(history))

    def mle(self, word: int, history: Gram) -> float:
        h = self.context(history)
        while not self.total(h, self.count):
            h = h[1:]
        return self.count[(*h, word)] / self.total(h, self.count)

    def add_delta(self, word: int, history: Gram, delta: float) -> float:
        h = self.context(history)
        total = self.total(h, self.count)
        return (self.count[(*h, word)] + delta) / (total + delta * self.size) if total else 1 / self.size

    def _back_off(self, smoothing: str, word: int, h: Gram) -> float:
        shares, alpha = self.backoff_parts(smoothing, h)
        return shares[word] if word in shares else alpha * self._lower(self._back_off, smoothing, word, h)

    def _backoff_parts(self, smoothing: str, h: Gram) -> tuple[dict[int, float], float]:
        counts = {w: self.count[(*h, w)] for w in self.follows[h] if self.kept((*h, w))}
        total = self.total(h, self.count)
        left = {w: self.discounted(smoothing, c, len(h)) for w, c in counts.items()}
        if len(left) == self.size:
            return {w: c / total for w, c in counts.items()}, 0.0
        if total and sum(left.values()) > total * (1 - 1e-9):
            total += 1
        shares = {w: c / total for w, c in left.items()}
        lower = sum(self._lower(self._back_off, smoothing, w, h) for w in shares)
        return shares, (1 - sum(shares.values())) / (1 - lower)

    def discounted(self, smoothing: str, c: int, n: int) -> float:
        """What is left of a count after n words."""
        sizes = self.sizes(False)[n]
        if smoothing == "katz":
            for k in (5, 4, 3, 2, 1):
                if all(sizes[r] for r in range(1, k + 1)) and (k + 1) * sizes[k + 1] < sizes[1]:
                    d = [self.good_turing(sizes, r, k) for r in range(1, k + 1)]
                    if all(0 < f <= 1 for f in d):
                        return c * (d[c - 1] if c <= k else 1)
        return c - (sizes[1] / (sizes[1] + 2 * sizes[2]) if sizes[1] and sizes[2] else 0.5)

    @staticmethod
    def good_turing(sizes: Counter[int], r: int, k: int) -> float:
        star, taken = (r + 1) * sizes[r + 1] / sizes[r], (k + 1) * sizes[k + 1] / sizes[1]
        return (star / r - taken) / (1 - taken)

    def _lower(self, formula: Callable[[str, int, Gram], float], smoothing: str, word: int, h: Gram) -> float:
        return formula(smoothing, word, h[1:]) if h else 1 / self.size

    @cached_property
    def adjusted(self) -> Counter[Gram]:
        counts = Counter(gram[1:] for gram in self.count if len(gram) > 1)
        counts.update({g: c for g, c in self.count.items() if len(g) == self.order or g[0] == BOS})
        return counts

    def _sizes(self, adjusted: bool) -> list[Counter[int]]:
        """How many n-grams are counted how often, by order."""
        counts = self.adjusted if adjusted else self.count
        return [Counter(c for g, c in counts.items() if len(g) == n) for n in range(1, self.order + 1)]

    def discounts(self, n: int) -> Sequence[float]:
        t = self.sizes(True)[n - 1]
        if t[1] and t[2] and t[3]:
            y = t[1] / (t[1] + 2 * t[2])
            d = [0, 1 - 2 * y * t[2] / t[1], 2 - 3 * y * t[3] / t[2], 3 - 4 * y * t[4] / t[3]]
            if all(0 < d[k] <= k for k in (1, 2, 3)):
                return d
        return [0, 0.5, 1, 1.5]

    def one_discount(self, adjusted: bool, n: int) -> float:
        t = self.sizes(adjusted)[n - 1]
        return t[1] / (t[1] + 2 * t[2]) if t[1] and t[2] else 0.5

    def _interpolate(self, smoothing: str, word: int, h: Gram) -> float:
        shares = self.shares(smoothing, h)
        lower = self._lower(self._interpolate, smoothing, word, h)
        return shares.get(word, 0) + (1 - sum(shares.values())) * lower

    def _shares(self, smoothing: str, h: Gram) -> dict[int, float]:
        counts = self.adjusted if smoothing.endswith("kneser_ney") else self.count
        total, listed = self.total(h, counts), [w for w in self.follows[h] if self.kept((*h, w))]
        match smoothing:
            case "kneser_ney":
                d = self.discounts(len(h) + 1)
                return {w: (counts[(*h, w)] - d[min(counts[(*h, w)], 3)]) / total for w in listed}
            case "interpolated_kneser_ney" | "absolute":
                one = self.one_discount(counts is self.adjusted, len(h) + 1)
                return {w: max(counts[(*h, w)] - one, 0) / total for w in listed}
            case "witten_bell":
                return {w: counts[(*h, w)] / (total + len(self.follows[h])) for w in listed}
        weight = self.mixing(len(h) + 1).get(total.bit_length(), 0)
        return {w: weight * counts[(*h, w)] / total for w in listed}

    def _mixing(self, n: int) -> dict[int, float]:
        """Jelinek and Mercer's weight of each class of contexts, by maximising what is left out in turn."""
        grams: dict[int, list[tuple[int, float, float]]] = defaultdict(list)
        for g, c in self.count.items():
            if len(g) == n:
                total = self.total(g[:-1], self.count)
                grams[total.bit_length()].append((c, (c - 1) / max(total - 1, 1), self.left_out(g[1:])))
        found = {}
        for size, rows in grams.items():
            weight = 0.5
            for _ in range(100):  # as many as the fast code, as the maximum is not always reached
                gained = sum(c * weight * seen / (weight * seen + (1 - weight) * rest) for c, seen, rest in rows)
                weight = gained / (sum(c for c, _, _ in rows) + 1)
            found[size] = weight
        return found

    def left_out(self, g: Gram) -> float:
        """The probability of an n-gram's last word, were this occurrence not there."""
        if not g:
            return 1 / self.size
        total = self.total(g[:-1], self.count)
        weight = self.mixing(len(g))[total.bit_length()]
        return weight * (self.count[g] - 1) / max(total - 1, 1) + (1 - weight) * self.left_out(g[1:])
