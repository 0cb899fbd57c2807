"""ARPA text: written files against KenLM, files read back, and files that other programs write."""

import io
import math
from pathlib import Path

import kenlm
import numpy as np
import pytest

from models.errors import InvalidInput
from models.ngram.backoff_table import BackoffTable
from models.ngram.config import NgramConfig, Smoothing
from models.ngram.formats import arpa
from models.ngram.model import NgramModel
from tests.helpers.estimation import concat_lines, estimate_model
from tests.helpers.texts import PRUNED_BY_OTHERS

SIZE = 30
VOCABULARY = ["<unk>", "</s>", *(f"w{i}" for i in range(2, SIZE))]
TRAINING = np.random.default_rng(3).integers(2, 20, (200, 8)).tolist()
HELD_OUT = np.random.default_rng(4).integers(0, SIZE, (40, 9)).tolist() + TRAINING[:10] + [[]]
for line in HELD_OUT:
    line[:] = [token for token in line if token != 1]


def text_of(table: BackoffTable) -> str:
    file = io.StringIO()
    arpa.write_arpa(table, VOCABULARY, file)
    return file.getvalue()


def scores(model: NgramModel) -> list[float]:
    values: list[float] = model.score_ids(model.begin_state(1), concat_lines(HELD_OUT))[0].tolist()
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
def test_write_arpa_gives_kenlm_the_same_score_for_every_token(config: NgramConfig, tmp_path: Path) -> None:
    model = estimate_model(TRAINING, config, SIZE)
    path = tmp_path / "model.arpa"
    path.write_text(text_of(model.table))
    peer = kenlm.Model(str(path))
    lines = [" ".join(VOCABULARY[token] for token in line) for line in HELD_OUT]
    expected = [log10 * math.log(10) for line in lines for log10, _, _ in peer.full_scores(line)]
    assert scores(model) == pytest.approx(expected, abs=1e-4)


def test_write_arpa_writes_zero_of_mle_as_next_to_nothing_for_kenlm(tmp_path: Path) -> None:
    model = estimate_model(TRAINING, NgramConfig(2, "mle"), SIZE)
    path = tmp_path / "model.arpa"
    path.write_text(text_of(model.table))
    peer = kenlm.Model(str(path))
    ours = scores(model)
    lines = [" ".join(VOCABULARY[token] for token in line) for line in HELD_OUT]
    theirs = [log10 * math.log(10) for line in lines for log10, _, _ in peer.full_scores(line)]
    assert any(np.isneginf(ours))
    for mine, other in zip(ours, theirs, strict=True):
        assert other < -200 if mine == -math.inf else mine == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize("smoothing", ["mle", "add_delta", "backoff", "kneser_ney"])
@pytest.mark.parametrize("order", [1, 3])
def test_read_arpa_reads_what_write_arpa_wrote(smoothing: Smoothing, order: int) -> None:
    config = NgramConfig(order, smoothing)
    model = estimate_model(TRAINING, config, SIZE)
    table, vocabulary = arpa.read_arpa(io.StringIO(text_of(model.table)))
    assert vocabulary == VOCABULARY
    assert table.order_sizes == model.table.order_sizes
    assert scores(NgramModel(config, table)) == pytest.approx(scores(model), abs=1e-5)


def test_read_arpa_reads_files_of_several_slices() -> None:
    words = np.random.default_rng(8).zipf(1.2, 60_000) % 300
    lines = [line[line != 1].tolist() for line in np.split(words, 3000)]
    table = estimate_model(lines, NgramConfig(4, prune=(0, 0, 1)), 300).table
    assert max(table.order_sizes) > 1 << 14
    vocabulary = ["<unk>", "</s>", *(f"w{i}" for i in range(2, 300))]
    file = io.StringIO()
    arpa.write_arpa(table, vocabulary, file)
    file.seek(0)
    again, tokens = arpa.read_arpa(file)
    assert tokens == vocabulary
    for written, parsed in zip(table.unpack_orders(), again.unpack_orders(), strict=True):
        assert np.array_equal(written.token, parsed.token)
        assert np.array_equal(written.child_offsets, parsed.child_offsets)
        assert np.allclose(written.logprob, parsed.logprob, rtol=1e-6)
        assert np.allclose(written.backoff, parsed.backoff, rtol=1e-5, atol=1e-6)


def test_write_arpa_leaves_out_orders_without_ngrams() -> None:
    text = text_of(estimate_model([[2]], NgramConfig(5), SIZE).table)  # the longest n-gram is <s> w2 </s>
    assert "ngram 3=1" in text
    assert "ngram 4" not in text


@pytest.mark.parametrize("token", ["", "a b", "\n", "<s>"])
def test_write_arpa_refuses_tokens_that_arpa_cannot_hold(token: str) -> None:
    with pytest.raises(InvalidInput, match="vocabulary"):
        arpa.write_arpa(estimate_model([[2]], NgramConfig(2), 3).table, ["<unk>", "</s>", token], io.StringIO())


def test_read_arpa_accepts_any_sequence_blank_lines_and_missing_weights() -> None:
    table, vocabulary = arpa.read_arpa(io.StringIO(PRUNED_BY_OTHERS))
    assert vocabulary == ["<unk>", "</s>", "b", "a"]
    model = NgramModel(NgramConfig(3), table)
    log10 = model.score_ids(model.begin_state(1), np.array([3, 2, 3, 2, 1, 3, 1, 0]))[0] / math.log(10)
    # a | <s>; b | <s> a: -0.1 and a b; a | a b: no weight, b a; b | b a; </s> | a b: no weight, b's -0.2, </s>
    # a | <s>; </s> | <s> a; <unk> | <s>: -0.5 and the unigram
    assert log10 == pytest.approx([-0.2, -0.35, -0.3, -0.15, -0.8, -0.2, -0.05, -2.5], abs=1e-6)


def test_read_arpa_keeps_the_weight_of_a_context_without_ngrams() -> None:
    # "b a" has a weight but heads no trigram now: whoever reads on after it pays -0.4
    text = PRUNED_BY_OTHERS.replace("ngram 3=2", "ngram 3=1").replace("-0.15\tb a b\n", "")
    table, _ = arpa.read_arpa(io.StringIO(text))
    model = NgramModel(NgramConfig(3), table)
    log10 = model.score_ids(model.null_state(1), np.array([2, 3, 2]))[0] / math.log(10)
    assert log10 == pytest.approx([-0.7, -0.3, -0.4 - 0.25], abs=1e-6)


def test_read_arpa_passes_over_suffixes_that_were_pruned_away() -> None:
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
    table, _ = arpa.read_arpa(io.StringIO(text))
    model = NgramModel(NgramConfig(3), table)
    log10 = model.score_ids(model.begin_state(1), np.array([4, 2, 3, 4, 2, 1]))[0] / math.log(10)
    # c | <s>: -0.5 and c; b | c; a | c b; c | a, as "b a" is no context; b | a c: -0.4 and b | c;
    # </s> | c b: -0.6, b's -0.2 and </s>
    assert log10 == pytest.approx([-1.4, -0.2, -0.15, -0.3, -0.6, -1.4], abs=1e-6)


LMPLZ = """\
\\data\\
ngram 1=7
ngram 2=8
ngram 3=7

\\1-grams:
-1.0791812	<unk>	0
0	<s>	-0.30103
-0.6812412	</s>	0
-0.6812412	on	-0.30103
-0.6812412	the	-0.30103
-0.8361432	sea	-0.30103
-0.8361432	is	-0.30103

\\2-grams:
-0.4507923	on </s>	0
-0.4507923	sea </s>	0
-0.4507923	<s> on	-0.30103
-0.21884324	is on	-0.30103
-0.4507923	<s> the	-0.30103
-0.4507923	on the	-0.30103
-0.24190852	the sea	-0.30103
-0.49090952	sea is	-0.30103

\\3-grams:
-0.16935785	is on </s>
-0.36948738	the sea </s>
-0.095780484	sea is on
-0.16935785	<s> on the
-0.10432426	<s> the sea
-0.10432426	on the sea
-0.38567412	the sea is

\\end\\
"""
"""What `lmplz -o 3 --discount_fallback` makes of two lines."""


@pytest.mark.parametrize("line", ["on the sea", "the sea is on the sea", "sea on is", "is is the boat on", ""])
def test_read_arpa_reads_what_lmplz_writes_as_kenlm_does(line: str, tmp_path: Path) -> None:
    path = tmp_path / "lmplz.arpa"
    path.write_text(LMPLZ)
    table, vocabulary = arpa.read_arpa(io.StringIO(LMPLZ))
    model, ids = NgramModel(NgramConfig(3), table), {token: i for i, token in enumerate(vocabulary)}
    text = concat_lines([[ids.get(word, 0) for word in line.split()]])
    logprobs = model.score_ids(model.begin_state(1), text)[0] / math.log(10)
    expected = [log10 for log10, _, _ in kenlm.Model(str(path)).full_scores(line)]
    assert logprobs.tolist() == pytest.approx(expected, abs=1e-5)


def test_read_arpa_accepts_the_variants_of_other_programs() -> None:
    text = PRUNED_BY_OTHERS.replace("\n", "\r\n").replace("<unk>", "<UNK>").replace("\t", "  ")
    table, vocabulary = arpa.read_arpa(io.StringIO(text))
    expected, words = arpa.read_arpa(io.StringIO(PRUNED_BY_OTHERS))
    assert vocabulary == words
    assert all(np.array_equal(a, b) for a, b in zip(table.trie, expected.trie, strict=True))
    table, vocabulary = arpa.read_arpa(io.StringIO(PRUNED_BY_OTHERS.replace("-2 <unk>\n", "").replace("1=5", "1=4")))
    assert vocabulary == words
    assert NgramModel(NgramConfig(3), table).logprobs(np.array([[-1, -1]]))[0, 0] == -math.inf
    table, _ = arpa.read_arpa(
        io.StringIO(PRUNED_BY_OTHERS.replace("\\end\\", "\\4-grams:\n\\end\\").replace("3=2", "3=2\nngram 4=0"))
    )
    assert table.order_sizes == [4, 3, 2, 0]
