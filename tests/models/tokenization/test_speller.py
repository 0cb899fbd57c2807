"""Speller: a bigram model of bytes, by hand and as a distribution."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tokenization.config import TokenizerConfig
from models.tokenization.speller import Speller
from models.tokenization.tokenizer import Tokenizer

words = st.text(min_size=1, max_size=5)


def test_speller_interpolates_bigrams_as_witten_and_bell_do() -> None:
    # "a": E a E, "ab": E a b E. Symbols after another: a twice, b once, E twice; three kinds of five.
    speller = Speller(["a", "ab"])
    a, b, end, unseen = ((count + 3 / 257) / (5 + 3) for count in (2, 1, 2, 0))
    after_end = (2 + 1 * a) / (2 + 1)  # two words begin, both with a
    b_after_a, end_after_a = (1 + 2 * b) / (2 + 2), (1 + 2 * end) / (2 + 2)
    end_after_b = (1 + end) / 2
    assert speller.logprobs(["ab"])[0] == pytest.approx(math.log(after_end * b_after_a * end_after_b))
    assert speller.logprobs(["a"])[0] == pytest.approx(math.log(after_end * end_after_a))
    # After a symbol that never occurred stands the distribution of single symbols.
    assert speller.logprobs(["z"])[0] == pytest.approx(math.log(unseen / 3 * end))


@given(vocabulary=st.lists(words), known=st.lists(words, max_size=4))
def test_speller_gives_each_word_its_own_probability(vocabulary: list[str], known: list[str]) -> None:
    speller = Speller(vocabulary)
    logprobs = speller.logprobs(known)
    assert logprobs.shape == (len(known),)
    assert np.isfinite(logprobs).all()
    assert (logprobs < 0).all()
    assert logprobs.tolist() == pytest.approx([float(speller.logprobs([word])[0]) for word in known])


def test_speller_distributes_no_more_than_one_over_all_spellings() -> None:
    speller = Speller(["a", "b", "ab", "ba"])
    total = sum(np.exp(speller.logprobs(["".join(p) for p in product("ab", repeat=n)])).sum() for n in range(1, 12))
    assert 0.5 < total < 1


def test_speller_of_a_tokenizer_has_learnt_its_vocabulary() -> None:
    tokenizer = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "then", "than", "hat"])
    likely, unlikely = tokenizer.speller.logprobs(["that", "tthe"])
    assert likely > unlikely


@given(text=st.text("athen é'.zq\n", max_size=40))
def test_spelling_logprobs_are_those_of_the_unknown_forms(text: str) -> None:
    vocabularies = {"word": ["the", "a", "."], "character": ["t", "h", "."]}
    for kind, vocabulary in vocabularies.items():
        tokenizer = Tokenizer(TokenizerConfig(kind=kind), ["<unk>", "</s>", *vocabulary])  # type: ignore[arg-type]
        encoding = tokenizer.encode(text)
        expected = tokenizer.speller.logprobs(tokenizer.unknown_forms(text, encoding))
        assert tokenizer.spelling_logprobs(text, encoding).tolist() == pytest.approx(expected.tolist())
