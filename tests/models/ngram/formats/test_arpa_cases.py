"""ARPA files as people have them: odd characters, boundaries inside n-grams, compression.

Most are one bigram model of "red fox runs" whose distributions sum to one, spelled in another way; the right values are
those of the model by hand, and KenLM's where it reads the file.
"""

import gzip
import io
import math
from pathlib import Path

import kenlm
import numpy as np
import pytest

from models.errors import InvalidInput
from models.ngram.config import NgramConfig
from models.ngram.formats import arpa
from models.ngram.formats.model_file import open_arpa
from models.ngram.model import NgramModel

FOX = """\\data\\
ngram 1=6
ngram 2=5

\\1-grams:
-1.000000\t<unk>
-99\t<s>\t-0.176091
-0.698970\t</s>
-0.602060\tred\t-0.273001
-0.602060\tfox\t-0.477121
-0.698970\truns\t-0.425969

\\2-grams:
-0.301030\t<s> red
-0.221849\tred fox
-0.301030\tfox runs
-0.154902\truns </s>
-0.522879\tfox </s>

\\end\\
"""
LOG10_RED_FOX_RUNS = [-0.30103, -0.221849, -0.30103, -0.154902]
"""Of "red fox runs </s>": all four bigrams are listed."""
LMPLZ = """\\data\\
ngram 1=11
ngram 2=15

\\1-grams:
-1.1217335\t<unk>\t0
0\t<s>\t-0.1697511
-1.0351644\t</s>\t0
-0.92081875\til\t-0.18905623
-1.0351644\ta\t-0.1697511
-0.92081875\tdit\xa0:\t-0.18905623
-1.1217335\toui\t0
-0.92081875\telle\t-0.18905623
-1.0351644\tnon\t-0.18905623
-1.0351644\tdit\t-0.18905623
-0.92081875\tet\t-0.18905623

\\2-grams:
-1.0351644\toui </s>
-0.6268235\tnon </s>
-0.61449885\t<s> il
-0.6268235\til a
-0.6268235\telle a
-0.39286047\ta dit\xa0:
-0.6471242\tdit\xa0: oui
-0.6471242\tdit oui
-0.3959576\tet oui
-0.61449885\t<s> elle
-0.6268235\tdit\xa0: non
-0.6268235\tdit non
-0.6268235\til dit
-0.6268235\telle dit
-0.5949652\tnon et

\\end\\
"""
"""What `lmplz -o 2 --discount_fallback` makes of four lines of French, in which a colon follows U+00A0."""


def log10_scores(text: str, words: list[str]) -> list[float]:
    """Score a line of `words` and its end with the model of an ARPA text."""
    table, vocabulary = arpa.read_arpa(io.StringIO(text, newline="\n"))
    model = NgramModel(NgramConfig(table.order), table)
    ids = [vocabulary.index(word) for word in [*words, "</s>"]]
    scores: list[float] = (model.score_ids(model.begin_state(1), np.array(ids))[0] / math.log(10)).tolist()
    return scores


@pytest.mark.parametrize("character", [*"\v\f\x1c\x1f\x85\xa0\u2007\u2028\u2029\u202f\u3000"], ids=ascii)
def test_read_arpa_keeps_words_whole_at_any_character_but_tab_and_blank(character: str, tmp_path: Path) -> None:
    word = f"fo{character}x"
    text = FOX.replace("fox", word)
    assert log10_scores(text, ["red", word, "runs"]) == pytest.approx(LOG10_RED_FOX_RUNS, abs=1e-6)
    path = tmp_path / "model.arpa"
    path.write_text(text, encoding="utf-8", newline="\n")
    assert word in kenlm.Model(str(path))


def test_read_arpa_reads_what_lmplz_writes_of_text_with_blanks_that_do_not_break() -> None:
    # every bigram of the line is listed
    expected = [-0.61449885, -0.6268235, -0.39286047, -0.6471242, -1.0351644]
    assert log10_scores(LMPLZ, ["il", "a", "dit\xa0:", "oui"]) == pytest.approx(expected, abs=1e-6)


def test_read_arpa_reads_a_written_zero_back_off_at_the_highest_order() -> None:
    text = FOX.replace("<s> red", "<s> red\t0").replace("runs </s>", "runs </s>\t0").replace("fox </s>", "fox </s>\t0")
    assert log10_scores(text, ["red", "fox", "runs"]) == pytest.approx(LOG10_RED_FOX_RUNS, abs=1e-6)


def test_read_arpa_leaves_out_boundaries_inside_ngrams_and_counts_them(tmp_path: Path) -> None:
    text = FOX.replace("ngram 2=5", "ngram 2=6").replace("\n\\end\\", "-0.4\t</s> <s>\n\n\\end\\")
    assert log10_scores(text, ["red", "fox", "runs"]) == pytest.approx(LOG10_RED_FOX_RUNS, abs=1e-6)
    table, _ = arpa.read_arpa(io.StringIO(text))
    assert table.details["left_out_ngrams"] == 1
    path = tmp_path / "model.arpa"
    path.write_text(text)
    assert kenlm.Model(str(path)).score("red fox runs") == pytest.approx(sum(LOG10_RED_FOX_RUNS), abs=1e-5)


MITLM = FOX.replace("ngram 2=5", "ngram 2=6\nngram 3=1").replace("<s> red", "<s> red\n-1.301030\t<s> </s>\t0")
MITLM = MITLM.replace("\n\\end\\", "\n\\3-grams:\n-0.60206\t<s> </s> red\n\n\\end\\")


def test_read_arpa_reads_a_file_of_mitlm_as_kenlm_does(tmp_path: Path) -> None:
    table, vocabulary = arpa.read_arpa(io.StringIO(MITLM))
    assert (table.order_sizes, table.details["left_out_ngrams"]) == ([5, 6, 0], 1)
    path = tmp_path / "model.arpa"
    path.write_text(MITLM)
    peer = kenlm.Model(str(path))
    for line in ("red fox runs", "", "fox fox", "runs red red"):
        expected = [log10 for log10, _, _ in peer.full_scores(line)]
        assert log10_scores(MITLM, line.split()) == pytest.approx(expected, abs=1e-5)
    # After <s>: 0.5 + 0.05 listed, and 10^-0.176091 of the 1 - 0.25 - 0.2 that the unigrams give the others.
    normalization = table.details["normalization"]
    assert normalization["worst_context"] == ["<s>"]
    assert normalization["worst_sum"] == pytest.approx(0.55 + 2 / 3 * 0.55, abs=1e-5)
    assert table.details["normalized"] is False
    assert vocabulary == ["<unk>", "</s>", "red", "fox", "runs"]


def test_read_arpa_drops_a_byte_order_mark_and_carriage_returns() -> None:
    text = "\ufeff" + FOX.replace("\n", "\r\n")
    assert log10_scores(text, ["red", "fox", "runs"]) == pytest.approx(LOG10_RED_FOX_RUNS, abs=1e-6)


def test_write_arpa_writes_words_with_any_character_but_separators() -> None:
    word = "fo\xa0\x1c\u2028x"
    table, vocabulary = arpa.read_arpa(io.StringIO(FOX.replace("fox", word), newline="\n"))
    file = io.StringIO(newline="\n")
    arpa.write_arpa(table, vocabulary, file)
    assert log10_scores(file.getvalue(), ["red", word, "runs"]) == pytest.approx(LOG10_RED_FOX_RUNS, abs=1e-6)


def test_read_arpa_refuses_a_line_without_end(tmp_path: Path) -> None:
    path = tmp_path / "bomb.arpa.gz"
    path.write_bytes(gzip.compress(b"\\data\\\nngram 1=1" + b" " * (1 << 21)))
    with (
        pytest.raises(InvalidInput, match="line 2: a line has fewer than 1,048,576 characters"),
        open_arpa(path) as file,
    ):
        arpa.read_arpa(file)
