"""What `parse` makes of a small file; how it refuses malformed ones is shown through `arpa.read`."""

import io
import math

import numpy as np
import pytest

from models.arpa_text import parse

TEXT = r"""
\data\
ngram 1=4
ngram 2=1

\1-grams:
-1 <s> -2
-3 b
-99 a -99
-4 </s>

\2-grams:
-1 <s> a

\end\
"""


def test_words_get_ids_as_listed_after_the_special_ones() -> None:
    tokens, (unigrams, bigrams) = parse(io.StringIO(TEXT))
    assert tokens == ["<unk>", "</s>", "b", "a"]
    assert unigrams.words.tolist() == [[0], [1], [2], [3]]
    assert bigrams.words.tolist() == [[1, 3]]
    assert bigrams.line.tolist() == [13]


def test_numbers_become_nats_and_99_below_zero_becomes_minus_infinity() -> None:
    _, (unigrams, _) = parse(io.StringIO(TEXT))
    ten = math.log(10)
    assert unigrams.logprob == pytest.approx(np.array([-np.inf, -4 * ten, -3 * ten, -np.inf]))
    # the weight of </s> as a context is that of <s>
    assert unigrams.backoff == pytest.approx(np.array([0, -2 * ten, 0, -np.inf]))
