"""Every n-gram smoothing written once more as its formula reads, on dictionaries: what the fast code is held against.

Lines are lists of ids without their end; a history is the tuple of ids since the boundary `BOS`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property

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

    def context(self, history: Gram) -> Gram:
        return (BOS, *history)[-(self.order - 1) :] if self.order > 1 else ()

    def total(self, h: Gram, count: Counter[Gram]) -> int:
        return sum(count[(*h, w)] for w in self.follows[h])

    def kept(self, gram: Gram) -> bool:
        return self.count[gram] > (self.prune[len(gram) - 1] if len(gram) > 1 else 0)

    def mle(self, word: int, history: Gram) -> float:
        h = self.context(history)
        while not self.total(h, self.count):
            h = h[1:]
        return self.count[(*h, word)] / self.total(h, self.count)

    def add_delta(self, word: int, history: Gram, delta: float) -> float:
        h = self.context(history)
        total = self.total(h, self.count)
        return (self.count[(*h, word)] + delta) / (total + delta * self.size) if total else 1 / self.size

    def backoff(self, word: int, history: Gram) -> float:
        return self._backoff(word, self.context(history))

    def _backoff(self, word: int, h: Gram) -> float:
        seen = [w for w in self.follows[h] if self.kept((*h, w))]
        sizes = Counter(c for gram, c in self.count.items() if len(gram) == len(h) + 1)
        d = sizes[1] / (sizes[1] + 2 * sizes[2]) if sizes[1] and sizes[2] else 0.5
        shares = {w: (self.count[(*h, w)] - d) / self.total(h, self.count) for w in seen}
        if len(seen) == self.size:
            return shares[word] / sum(shares.values())
        lower = {w: self._backoff(w, h[1:]) if h else 1 / self.size for w in [*seen, word]}
        return shares.get(word) or (1 - sum(shares.values())) / (1 - sum(lower[w] for w in seen)) * lower[word]

    @cached_property
    def adjusted(self) -> Counter[Gram]:
        counts = Counter(gram[1:] for gram in self.count if len(gram) > 1)
        counts.update({g: c for g, c in self.count.items() if len(g) == self.order or g[0] == BOS})
        return counts

    @cached_property
    def discounts(self) -> list[Sequence[float]]:
        return [self.discounts_of(n) for n in range(1, self.order + 1)]

    def discounts_of(self, n: int) -> Sequence[float]:
        t = Counter(c for gram, c in self.adjusted.items() if len(gram) == n)
        if t[1] and t[2] and t[3]:
            y = t[1] / (t[1] + 2 * t[2])
            d = [0, 1 - 2 * y * t[2] / t[1], 2 - 3 * y * t[3] / t[2], 3 - 4 * y * t[4] / t[3]]
            if all(0 < d[k] <= k for k in (1, 2, 3)):
                return d
        return [0, 0.5, 1, 1.5]

    def kneser_ney(self, word: int, history: Gram) -> float:
        return self._kneser_ney(word, self.context(history))

    def _kneser_ney(self, word: int, h: Gram) -> float:
        d = self.discounts[len(h)]
        total = self.total(h, self.adjusted) or 1
        counts = {w: self.adjusted[(*h, w)] for w in self.follows[h] if self.kept((*h, w)) or not h}
        shares = {w: (c - d[min(c, 3)]) / total for w, c in counts.items()}
        lower = self._kneser_ney(word, h[1:]) if h else 1 / self.size
        return shares.get(word, 0) + (1 - sum(shares.values())) * lower
