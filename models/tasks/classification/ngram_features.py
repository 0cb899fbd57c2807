"""N-grams of token ids as numbered features of a text, found by binary search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.model import TokenIds
from models.tasks.classification.config import MAX_ORDER
from models.tasks.text import TaskText


class NgramFeatures:
    """Numbers of the n-grams that are features, up to some order.

    >>> features = NgramFeatures.of([TaskText(np.array([2, 3, 2]), ("a", "b", "a"))], order=2, vocabulary_size=4)
    >>> len(features)
    4
    >>> features.rows(np.array([3, 3, 2])).tolist()
    [0, 1, 1, 3]
    """

    def __init__(self, keys: NDArray[np.int64], order: int, vocabulary_size: int) -> None:
        """Number the n-grams with these `ngram_keys` [F], which must rise.

        Raises InvalidInput where n-grams of that order have more keys than 63 bits hold.
        """
        check_order(order, vocabulary_size)
        self.keys, self.order, self.vocabulary_size = keys, order, vocabulary_size

    @classmethod
    def of(cls, texts: Sequence[TaskText], order: int, vocabulary_size: int) -> NgramFeatures:
        """Take all n-grams of the texts as features. Raises InvalidInput as the constructor does."""
        check_order(order, vocabulary_size)
        keys = [np.zeros(0, np.int64), *(ngram_keys(text.ids, order, vocabulary_size) for text in texts)]
        return cls(np.unique(np.concatenate(keys)), order, vocabulary_size)

    def __len__(self) -> int:
        return len(self.keys)

    def rows(self, ids: TokenIds) -> NDArray[np.int64]:
        """Return the numbers of the features of a text [T], rising, one for each occurrence."""
        keys = ngram_keys(ids, self.order, self.vocabulary_size)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.sort(places[self.keys[places] == keys])


def check_order(order: int, vocabulary_size: int) -> None:
    """Raise InvalidInput unless a number of 63 bits tells all n-grams of up to `order` tokens apart."""
    if not 1 <= order <= MAX_ORDER or (vocabulary_size + 2) ** order > np.iinfo(np.int64).max:
        raise InvalidInput("order", f"with {vocabulary_size} words, {order} tokens are too many for an n-gram")


def ngram_keys(ids: TokenIds, order: int, vocabulary_size: int) -> NDArray[np.int64]:
    """Return a number for each n-gram of `ids` [T], orders 1 to `order`: its ids plus one, as digits."""
    digits, base = ids + 1, vocabulary_size + 1
    keys, parts = digits, [digits]
    for n in range(2, order + 1):
        keys = keys[: len(ids) - n + 1] * base + digits[n - 1 :]
        parts.append(keys)
    return np.concatenate(parts)
