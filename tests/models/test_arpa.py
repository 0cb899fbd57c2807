"""ARPA out against KenLM, ARPA in against what went out, and malformed files against their line numbers."""

import io
import math
from pathlib import Path

import kenlm
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models import arpa
from models.errors import InvalidInput
from models.ngram import NgramConfig, NgramModel, Smoothing
from models.tables import BackoffTables
from tests.models.test_smoothing import flat, trained

SIZE = 30
VOCABULARY = ["<unk>", "</s>", *(f"w{i}" for i in range(2, SIZE))]
TRAINING = np.random.default_rng(3).integers(2, 20, (200, 8)).tolist()
HELD_OUT = np.random.default_rng(4).integers(0, SIZE, (40, 9)).tolist() + TRAINING[:10] + [[]]
for line in HELD_OUT:
    line[:] = [token for token in line if token != 1]


def text_of(tables: BackoffTables) -> str:
    file = io.StringIO()
    arpa.write(tables, VOCABULARY, file)
    return file.getvalue()


def scores(model: NgramModel) -> list[float]:
    values: list[float] = model.score_ids(model.start(1), flat(HELD_OUT))[0].tolist()
    return values


@pytest.mark.parametrize(
    "config",
    [
        NgramConfig(2),
        NgramConfig(3, prune=(0, 1)),
        NgramConfig(5),
        NgramConfig(4, "backoff"),
        NgramConfig(3, "add_delta", delta=0.2),
    ],
    ids=str,
)
def test_kenlm_gives_every_token_the_same_score(config: NgramConfig, tmp_path: Path) -> None:
    model = trained(TRAINING, config, SIZE)
    path = tmp_path / "model.arpa"
    path.write_text(text_of(model.tables))
    peer = kenlm.Model(str(path))
    lines = [" ".join(VOCABULARY[token] for token in line) for line in HELD_OUT]
    expected = [log10 * math.log(10) for line in lines for log10, _, _ in peer.full_scores(line)]
    assert scores(model) == pytest.approx(expected, abs=1e-4)


def test_kenlm_gives_next_to_nothing_where_mle_gives_zero(tmp_path: Path) -> None:
    model = trained(TRAINING, NgramConfig(2, "mle"), SIZE)
    path = tmp_path / "model.arpa"
    path.write_text(text_of(model.tables))
    peer = kenlm.Model(str(path))
    ours = scores(model)
    lines = [" ".join(VOCABULARY[token] for token in line) for line in HELD_OUT]
    theirs = [log10 * math.log(10) for line in lines for log10, _, _ in peer.full_scores(line)]
    assert any(np.isneginf(ours))
    for mine, other in zip(ours, theirs, strict=True):
        assert other < -200 if mine == -math.inf else mine == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize("smoothing", ["mle", "add_delta", "backoff", "kneser_ney"])
@pytest.mark.parametrize("order", [1, 3])
def test_what_is_written_reads_back(smoothing: Smoothing, order: int) -> None:
    config = NgramConfig(order, smoothing)
    model = trained(TRAINING, config, SIZE)
    tables, vocabulary = arpa.read(io.StringIO(text_of(model.tables)))
    assert vocabulary == VOCABULARY
    assert tables.ngrams == model.tables.ngrams
    assert scores(NgramModel(config, tables)) == pytest.approx(scores(model), abs=1e-5)


def test_more_than_is_written_at_a_time_reads_back() -> None:
    words = np.random.default_rng(8).zipf(1.2, 60_000) % 300
    lines = [line[line != 1].tolist() for line in np.split(words, 3000)]
    tables = trained(lines, NgramConfig(4, prune=(0, 0, 1)), 300).tables
    assert max(tables.ngrams) > 1 << 14
    vocabulary = ["<unk>", "</s>", *(f"w{i}" for i in range(2, 300))]
    file = io.StringIO()
    arpa.write(tables, vocabulary, file)
    file.seek(0)
    again, tokens = arpa.read(file)
    assert tokens == vocabulary
    for written, found in zip(tables.orders(), again.orders(), strict=True):
        assert np.array_equal(written.token, found.token)
        assert np.array_equal(written.runs, found.runs)
        assert np.allclose(written.logprob, found.logprob, rtol=1e-6)
        assert np.allclose(written.backoff, found.backoff, rtol=1e-5, atol=1e-6)


def test_orders_without_ngrams_are_not_written() -> None:
    text = text_of(trained([[2]], NgramConfig(5), SIZE).tables)  # the longest n-gram is <s> w2 </s>
    assert "ngram 3=1" in text
    assert "ngram 4" not in text


@pytest.mark.parametrize("token", ["", "a b", "\n", "<s>"])
def test_tokens_that_arpa_cannot_hold_are_refused(token: str) -> None:
    with pytest.raises(InvalidInput, match="vocabulary"):
        arpa.write(trained([[2]], NgramConfig(2), 3).tables, ["<unk>", "</s>", token], io.StringIO())


PRUNED_BY_OTHERS = """\
made by hand

\\data\\
ngram 1=5
ngram 2=3
ngram 3=2

\\1-grams:
-99\t<s>\t-0.5
-0.6\t</s>
-0.7\tb\t-0.2
-0.5\ta\t-0.3
-2 <unk>

\\2-grams:
-0.2\t<s> a\t-0.1
-0.3\tb a\t-0.4
-0.25\ta b

\\3-grams:
-0.15\tb a b
-0.05\t<s> a </s>

\\end\\
"""


def test_a_file_in_any_order_with_blanks_and_missing_weights_reads() -> None:
    tables, vocabulary = arpa.read(io.StringIO(PRUNED_BY_OTHERS))
    assert vocabulary == ["<unk>", "</s>", "b", "a"]
    model = NgramModel(NgramConfig(3), tables)
    log10 = model.score_ids(model.start(1), np.array([3, 2, 3, 2, 1, 3, 1, 0]))[0] / math.log(10)
    # a | <s>; b | <s> a: -0.1 and a b; a | a b: no weight, b a; b | b a; </s> | a b: no weight, b's -0.2, </s>
    # a | <s>; </s> | <s> a; <unk> | <s>: -0.5 and the unigram
    assert log10 == pytest.approx([-0.2, -0.35, -0.3, -0.15, -0.8, -0.2, -0.05, -2.5], abs=1e-6)


def test_a_weight_of_a_context_without_ngrams_still_counts() -> None:
    # "b a" has a weight but heads no trigram now: whoever reads on after it pays -0.4
    text = PRUNED_BY_OTHERS.replace("ngram 3=2", "ngram 3=1").replace("-0.15\tb a b\n", "")
    tables, _ = arpa.read(io.StringIO(text))
    model = NgramModel(NgramConfig(3), tables)
    log10 = model.score_ids(model.blank(1), np.array([2, 3, 2]))[0] / math.log(10)
    assert log10 == pytest.approx([-0.7, -0.3, -0.4 - 0.25], abs=1e-6)


def test_suffixes_that_were_pruned_away_are_passed_over() -> None:
    # "c b a" is listed, its suffix "b a" is not
    text = """\\data\\
ngram 1=6
ngram 2=2
ngram 3=1

\\1-grams:
-99\t<s>\t-0.5
-0.6\t</s>\t0
-0.7\tb\t-0.2
-0.5\ta\t-0.3
-0.9\tc\t-0.1
-2\t<unk>\t0

\\2-grams:
-0.2\tc b\t-0.6
-0.3\ta c\t-0.4

\\3-grams:
-0.15\tc b a

\\end\\
"""
    tables, _ = arpa.read(io.StringIO(text))
    model = NgramModel(NgramConfig(3), tables)
    log10 = model.score_ids(model.start(1), np.array([4, 2, 3, 4, 2, 1]))[0] / math.log(10)
    # c | <s>: -0.5 and c; b | c; a | c b; c | a, as "b a" is no context; b | a c: -0.4 and b | c;
    # </s> | c b: -0.6, b's -0.2 and </s>
    assert log10 == pytest.approx([-1.4, -0.2, -0.15, -0.3, -0.6, -1.4], abs=1e-6)


LMPLZ = """\
\\data\\
ngram 1=13
ngram 2=16
ngram 3=17

\\1-grams:
-1.3802112	<unk>	0
0	<s>	-0.03778858
-0.86832786	</s>	0
-0.86832786	the	-0.17609128
-1.1371732	sea	-0.17609128
-0.9822712	was	-0.17609128
-1.1371732	calm	-0.17609128
-1.1371732	dark	-0.17609128
-1.1371732	and	-0.17609128
-1.1371732	wind	-0.17609128
-1.1371732	cold	-0.17609128
-1.1371732	looking	-0.17609128
-1.1371732	on	-0.17609128

\\2-grams:
-0.5901607	sea </s>	0
-0.3730326	calm </s>	0
-0.3730326	cold </s>	0
-0.9061165	<s> the	-0.30103
-0.3730326	and the	-0.30103
-0.3730326	on the	-0.30103
-0.6670008	the sea	-0.30103
-0.6268835	sea was	-0.30103
-0.39493445	wind was	-0.30103
-0.6670008	was calm	-0.30103
-0.87960887	was dark	-0.30103
-0.41799977	dark and	-0.30103
-0.6670008	the wind	-0.30103
-0.87960887	was cold	-0.30103
-0.82340634	<s> looking	-0.30103
-0.41799977	looking on	-0.30103

\\3-grams:
-0.52997357	the sea </s>
-0.14763862	was calm </s>
-0.14763862	was cold </s>
-0.14763862	dark and the
-0.14763862	looking on the
-0.35558876	<s> the sea
-0.21635443	on the sea
-0.34544912	the sea was
-0.15404113	the wind was
-0.44655526	sea was calm
-0.44655526	wind was calm
-0.50035113	sea was dark
-0.16053942	was dark and
-0.5617654	<s> the wind
-0.21635443	and the wind
-0.50035113	wind was cold
-0.16053942	<s> looking on

\\end\\
"""
"""What `lmplz -o 3 --discount_fallback` makes of four lines."""


@pytest.mark.parametrize(
    "line",
    [
        "the sea was calm",
        "looking on the sea",
        "on the dark wind",
        "calm calm the sea was",
        "the boat was on the sea",
        "",
    ],
)
def test_what_lmplz_writes_is_read_as_kenlm_reads_it(line: str, tmp_path: Path) -> None:
    path = tmp_path / "lmplz.arpa"
    path.write_text(LMPLZ)
    tables, vocabulary = arpa.read(io.StringIO(LMPLZ))
    model, ids = NgramModel(NgramConfig(3), tables), {token: i for i, token in enumerate(vocabulary)}
    found = model.score_ids(model.start(1), flat([[ids.get(word, 0) for word in line.split()]]))[0] / math.log(10)
    expected = [log10 for log10, _, _ in kenlm.Model(str(path)).full_scores(line)]
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


def test_what_others_write_otherwise_reads_alike() -> None:
    text = PRUNED_BY_OTHERS.replace("\n", "\r\n").replace("<unk>", "<UNK>").replace("\t", "  ")
    tables, vocabulary = arpa.read(io.StringIO(text))
    expected, words = arpa.read(io.StringIO(PRUNED_BY_OTHERS))
    assert vocabulary == words
    assert all(np.array_equal(a, b) for a, b in zip(tables.trie, expected.trie, strict=True))
    tables, vocabulary = arpa.read(io.StringIO(PRUNED_BY_OTHERS.replace("-2 <unk>\n", "").replace("1=5", "1=4")))
    assert vocabulary == words
    assert NgramModel(NgramConfig(3), tables).logprobs(torch.tensor([[-1, -1]]))[0, 0] == -math.inf
    tables, _ = arpa.read(
        io.StringIO(PRUNED_BY_OTHERS.replace("\\end\\", "\\4-grams:\n\\end\\").replace("3=2", "3=2\nngram 4=0"))
    )
    assert tables.ngrams == [4, 3, 2, 0]


@settings(max_examples=400, deadline=None)
@given(
    st.integers(0, len(PRUNED_BY_OTHERS) - 1),
    st.integers(0, 8),
    st.text("\\\n\t .-0123456789abe<s>/=x\x00é", max_size=5),
)
def test_any_change_is_read_or_refused_with_a_line(at: int, length: int, new: str) -> None:
    text = PRUNED_BY_OTHERS[:at] + new + PRUNED_BY_OTHERS[at + length :]
    refused = ""
    try:
        tables, vocabulary = arpa.read(io.StringIO(text))
    except InvalidInput as error:
        refused = str(error)
    if refused:
        assert "line " in refused
    else:
        model = NgramModel(NgramConfig(tables.order), tables)
        assert not np.isnan(model.logprobs(model.start(1)).numpy()).any()
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
        ("-0.25\ta b", "-0.25\ta <s>", 18, "may only begin"),
        ("-0.25\ta b", "-0.25\ta b c d", 18, "a number and 2 words"),
        ("-0.15\tb a b", "-0.15\ta a b", 21, "not listed as an n-gram"),
        ("-0.15\tb a b", "-0.15\tb a b\t-0.1", 21, "a number and 3 words"),
        ("-0.05\t<s> a </s>\n", "", 23, "a number and 3 words"),
        ("\\end\\\n", "", 23, "stops here"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in PRUNED_BY_OTHERS
    with pytest.raises(InvalidInput, match=f"line {line}: .*{message}"):
        arpa.read(io.StringIO(PRUNED_BY_OTHERS.replace(old, new, 1)))
