"""Probabilities of spellings, so that a word that no vocabulary holds can be charged for what it is.

To a model with a vocabulary all unknown words are one token, `<unk>`, and gibberish of nothing but unknown words looks
likely. log P(<unk>) + log P(spelling | unknown) is a probability of the word itself: over all words there are it sums
to P(<unk>) or less, so that models with different vocabularies compare. (Ueberla 1994 charges every unknown word the
same; a spelling costs more the longer and the stranger it is.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import compiled
from models.utils.arrays import ByteArray, Float64Array, Int64Array

_END = 256
"""Symbol that stands before the first byte of a spelling and behind its last one."""
_SYMBOLS = 257
_COUNTED_WORDS = 1 << 14
"""Words whose bigrams are counted at once: some megabytes."""


class Speller:
    """Bigram model of the bytes of words, estimated from the words of a vocabulary, each once.

    Interpolated as Witten and Bell do (Chen and Goodman 1999, section 2.5), down to a uniform distribution over all
    257 symbols, so that no spelling is impossible: P(b | a) = (c(a b) + T(a) P(b)) / (c(a) + T(a)) for symbols b after
    a, of which T(a) different ones occur.

    >>> speller = Speller(["the", "then", "than", "hat"])
    >>> then, ntht = speller.logprobs(["then", "ntht"])
    >>> bool(then > ntht)
    True
    """

    def __init__(self, words: Sequence[str]) -> None:
        counts = np.zeros((_SYMBOLS, _SYMBOLS))
        for begin in range(0, len(words), _COUNTED_WORDS):
            before, after = _bigrams(words[begin : begin + _COUNTED_WORDS])
            np.add.at(counts, (before, after), 1)
        unigrams = _interpolated(counts.sum(axis=0), np.full(_SYMBOLS, 1 / _SYMBOLS))
        self._logprobs: NDArray[np.float64] = np.log(_interpolated(counts, unigrams))

    def logprobs(self, words: Sequence[str]) -> NDArray[np.float64]:
        """Return log P(spelling) [N] of each word in nats, its end included."""
        return self.logprobs_in(*join_forms(words))

    def logprobs_in(self, data: ByteArray, spans: Int64Array) -> NDArray[np.float64]:
        """Return log P(spelling) [N] of the words `data[begin:end]`, for the `spans` [N, 2], in nats."""
        logprobs = np.empty(len(spans))
        _spell(self._logprobs, data, spans, logprobs)
        return logprobs


def join_forms(forms: Sequence[str]) -> tuple[ByteArray, Int64Array]:
    """Return forms laid end to end in UTF-8, and where each begins and ends [N, 2]."""
    spellings = [form.encode("utf-8", "surrogatepass") for form in forms]
    ends = np.cumsum([0, *map(len, spellings)], dtype=np.int64)
    # Writable, as texts are that the loops read, so that they are compiled for one type only.
    return np.frombuffer(bytearray(b"".join(spellings)), np.uint8), np.stack([ends[:-1], ends[1:]], axis=1)


@compiled
def _spell(table: Float64Array, data: ByteArray, spans: Int64Array, logprobs: Float64Array) -> None:
    """Write log P(spelling) of each span [N, 2] to `logprobs` [N], by the `table` [257, 257] of bigrams."""
    for k in range(len(spans)):
        before, total = np.int64(_END), 0.0
        for i in range(spans[k, 0], spans[k, 1]):
            after = np.int64(data[i])
            total += table[before, after]
            before = after
        logprobs[k] = total + table[before, _END]


def _bigrams(words: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return both symbols of each bigram of words laid end to end, from the end before each word on."""
    spellings = [word.encode("utf-8", "surrogatepass") for word in words]
    symbols = np.frombuffer(b"".join(spellings), np.uint8).astype(np.int64)
    symbols = np.insert(symbols, np.cumsum([len(spelling) for spelling in spellings], dtype=np.int64), _END)
    return np.concatenate([[_END], symbols[:-1]]), symbols


def _interpolated(counts: NDArray[np.float64], lower: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distribution of counts [..., B], interpolated with the distribution `lower` [B]."""
    kinds = np.maximum(np.count_nonzero(counts, axis=-1, keepdims=True), 1)
    interpolated: NDArray[np.float64] = (counts + kinds * lower) / (counts.sum(axis=-1, keepdims=True) + kinds)
    return interpolated
