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
        self.kneser_ney_parts = cache(self._kneser_ney_parts)

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
            case "backoff":
                return self._backoff(word, self.context(history))
        return self._kneser_ney(word, self.context(history))

    def mle(self, word: int, history: Gram) -> float:
        h = self.context(history)
        while not self.total(h, self.count):
            h = h[1:]
        return self.count[(*h, word)] / self.total(h, self.count)

    def add_delta(self, word: int, history: Gram, delta: float) -> float:
        h = self.context(history)
        total = self.total(h, self.count)
        return (self.count[(*h, word)] + delta) / (total + delta * self.size) if total else 1 / self.size

    def _backoff(self, word: int, h: Gram) -> float:
        shares, alpha = self.backoff_parts(h)
        return shares[word] if word in shares else alpha * self._lower(self._backoff, word, h)

    def _backoff_parts(self, h: Gram) -> tuple[dict[int, float], float]:
        sizes = self.sizes(False)[len(h)]
        d = sizes[1] / (sizes[1] + 2 * sizes[2]) if sizes[1] and sizes[2] else 0.5
        total = self.total(h, self.count)
        shares = {w: (self.count[(*h, w)] - d) / total for w in self.follows[h] if self.kept((*h, w))}
        if len(shares) == self.size:
            return {w: p / sum(shares.values()) for w, p in shares.items()}, 0.0
        lower = sum(self._lower(self._backoff, w, h) for w in shares)
        return shares, (1 - sum(shares.values())) / (1 - lower)

    def _lower(self, formula: Callable[[int, Gram], float], word: int, h: Gram) -> float:
        return formula(word, h[1:]) if h else 1 / self.size

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

    def _kneser_ney(self, word: int, h: Gram) -> float:
        shares, gamma = self.kneser_ney_parts(h)
        return shares.get(word, 0) + gamma * self._lower(self._kneser_ney, word, h)

    def _kneser_ney_parts(self, h: Gram) -> tuple[dict[int, float], float]:
        d, total = self.discounts(len(h) + 1), self.total(h, self.adjusted)
        counts = {w: self.adjusted[(*h, w)] for w in self.follows[h] if self.kept((*h, w))}
        shares = {w: (c - d[min(c, 3)]) / total for w, c in counts.items()}
        return shares, 1 - sum(shares.values())
