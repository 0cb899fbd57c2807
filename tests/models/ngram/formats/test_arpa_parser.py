"""Parsed sections of a small ARPA file, and the line that malformed files are refused with."""

import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.ngram.config import NgramConfig
from models.ngram.formats import arpa
from models.ngram.formats.arpa_parser import parse_arpa
from models.ngram.model import NgramModel
from models.utils.progress import run_to_completion
from tests.helpers.texts import PRUNED_BY_OTHERS

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


def test_parse_arpa_numbers_words_as_listed_after_the_special_ones() -> None:
    tokens, (unigrams, bigrams), left_out = run_to_completion(parse_arpa(io.StringIO(TEXT)))
    assert left_out == 0
    assert tokens == ["<unk>", "</s>", "b", "a"]
    assert unigrams.words.tolist() == [[0], [1], [2], [3]]
    assert bigrams.words.tolist() == [[1, 3]]
    assert bigrams.line.tolist() == [13]


def test_parse_arpa_turns_numbers_into_nats_and_minus_99_into_minus_infinity() -> None:
    unigrams = run_to_completion(parse_arpa(io.StringIO(TEXT))).sections[0]
    ten = math.log(10)
    assert unigrams.logprob == pytest.approx(np.array([-np.inf, -4 * ten, -3 * ten, -np.inf]))
    # the weight of </s> as a context is that of <s>
    assert unigrams.backoff == pytest.approx(np.array([0, -2 * ten, 0, -np.inf]))


@settings(max_examples=400, deadline=None)
@given(
    st.integers(0, len(PRUNED_BY_OTHERS) - 1),
    st.integers(0, 8),
    st.text("\\\n\t .-0123456789abe<s>/=x\x00é", max_size=5),
)
def test_read_arpa_reads_or_refuses_any_change_with_a_line(at: int, length: int, new: str) -> None:
    text = PRUNED_BY_OTHERS[:at] + new + PRUNED_BY_OTHERS[at + length :]
    refused = ""
    try:
        table, vocabulary = arpa.read_arpa(io.StringIO(text))
    except InvalidInput as error:
        refused = str(error)
    if refused:
        assert "line " in refused
    else:
        model = NgramModel(NgramConfig(table.order), table)
        assert not np.isnan(model.logprobs(model.begin_state(1))).any()
        assert len(vocabulary) == model.vocabulary_size


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("\\data\\\n", "", 23, "stops here"),
        ("ngram 2=3", "ngram 3=3", 5, "ngram 2="),
        ("ngram 2=3", "ngram 2=many", 5, "ngram 2="),
        ("ngram 2=3", "ngram 2=4", 20, "a number and 2 words"),
        ("ngram 2=3", "ngram 2=2", 18, "3-grams: should stand here"),
        ("-0.7\tb", "-0.7x\tb", 11, "not a number"),
        ("-0.7\tb", "nan\tb", 11, "finite"),
        ("-0.7\tb", "0.7\tb", 11, "above zero"),
        ("-0.7\tb", "-0.7\ta", 12, "listed before"),
        ("-0.6\t</s>", "-0.6\tc", 13, "no unigram is </s>"),
        ("-0.25\ta b", "-0.25\ta d", 18, "'d' is not among the unigrams"),
        ("-0.25\ta b", "-0.25\tb a", 18, "listed before"),
        ("-0.25\ta b", "-0.25\ta b c d", 18, "a number and 2 words"),
        ("-0.15\tb a b", "-0.15\ta a b", 21, "not listed as an n-gram"),
        ("-0.15\tb a b", "-0.15\tb a b\t-0.1", 21, "a number and 3 words"),
        ("-0.05\t<s> a </s>\n", "", 23, "a number and 3 words"),
        ("\\end\\\n", "", 23, "stops here"),
    ],
)
def test_read_arpa_refuses_a_malformed_file_with_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in PRUNED_BY_OTHERS
    with pytest.raises(InvalidInput, match=f"line {line}: .*{message}"):
        arpa.read_arpa(io.StringIO(PRUNED_BY_OTHERS.replace(old, new, 1)))


def test_parse_arpa_tells_how_much_of_the_file_is_read() -> None:
    assert list(parse_arpa(io.StringIO(PRUNED_BY_OTHERS))) == [(5, 10), (8, 10), (8, 10), (10, 10)]


@pytest.mark.parametrize("number", ["0", "-0", "0.0000", "-0.0"])
def test_parse_arpa_accepts_a_written_zero_back_off_at_the_highest_order(number: str) -> None:
    text = PRUNED_BY_OTHERS.replace("-0.15\tb a b", f"-0.15\tb a b\t{number}")
    assert run_to_completion(parse_arpa(io.StringIO(text))).sections[2].backoff.tolist() == [0, 0]


@pytest.mark.parametrize("ngram", ["a <s>", "</s> a", "</s> <s>", "<s> <s>"])
def test_parse_arpa_leaves_out_ngrams_that_no_text_leads_to(ngram: str) -> None:
    text = PRUNED_BY_OTHERS.replace("-0.25\ta b", f"-0.25\ta b\n-0.4\t{ngram}\t-0.1").replace("2=3", "2=4")
    vocabulary, sections, left_out = run_to_completion(parse_arpa(io.StringIO(text)))
    whole = run_to_completion(parse_arpa(io.StringIO(PRUNED_BY_OTHERS)))
    assert (vocabulary, left_out) == (whole.vocabulary, 1)
    for section, expected in zip(sections, whole.sections, strict=True):
        assert np.array_equal(section.words, expected.words)
        assert np.array_equal(section.logprob, expected.logprob)
