"""Binaries of KenLM as models that score, against that library and their ARPA text."""

import io
from pathlib import Path

import kenlm
import numpy as np
import pytest

from models.checkpoint.card import Provenance
from models.checkpoint.load import load
from models.checkpoint.save import save
from models.errors import CheckpointDamaged, CheckpointError, InvalidInput, UnsupportedByModel
from models.ngram.config import NgramConfig
from models.ngram.formats import arpa
from models.ngram.formats.kenlm_binary import read_kenlm_header
from models.ngram.formats.model_file import open_arpa
from models.ngram.kenlm_model import KenlmModel
from models.ngram.model import NgramModel
from models.special_tokens import EOS
from models.state import concat, select
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.texts import KENLM_PROBING, PRUNED_BY_OTHERS, unpacked

# `build_binary -v probing fox.arpa` and `build_binary -q 4 -b 4 -a 22 trie pruned.arpa`, where fox.arpa is the bigram
# model of `test_arpa_cases` and pruned.arpa is PRUNED_BY_OTHERS.
WITHOUT_WORDS = (
    "c-qU&O)OBz$yLZGDJihh*U!#KO-##7%}LQq&d=3P&QD2INXswEO)OC;OD!tS%+FIW<zhg9274f}pAks>2Lg}?BUFY7OdhaDQp~^xrCAwJ0UHD9fG"
    "g+w$J*it*&usD_tq>hdcE!@$lQWD#l4norC@h#Y`67%^1OF8Gmw2X^!9nbPg*G~5O?nf5ey8+4jBiU?A!d_2;|O&*$PtjCy#aS1JNd)U%=vXByR"
    "14*~#&VDWhehv2c=3^1fZmnERww?b|k6Vb(r{*eUzECfH~%oF}&rmwPqa%rERY)U1$pn{|I<(c2HT)itdky#OL!UPS"
)
QUANTIZED_TRIE = (
    "c-qU&O)OBz$yLZGDJihh*U!#KO-##7%}LQq&d=3P&QD2INXswEO)OC;OD!tS%+FIW<zhg9274f}pAks>2Lg}?BUFYNOdhajg^GbND^!jJN;4su1Q"
    "RQ$Q`~FWR>~lloqhR|xHvmk&i9YC#SgO0wX`PH{^@=NQ_sW#)6wuBhSSs1_9Nq2GiUBY#y~YF`0N><eINtS%|XUz&z#wZ2k*tD4}@pUl-!381MS}"
    "n3M7OZK;YORP?#bG&3=g6ApockB-a27J7Z(x{UCoZGoS(%1{^>PtLV@63J$h|Z1Ct~sFZ`t*_7sG+cDS_+c6|E*ysbPBnAMkJerg"
)


@pytest.fixture
def fox(tmp_path: Path) -> KenlmModel:
    return KenlmModel(unpacked(KENLM_PROBING, tmp_path / "fox.bin"))


def test_kenlm_model_scores_as_the_library_does(fox: KenlmModel) -> None:
    peer = kenlm.Model(str(fox.file))
    ids = {word: i for i, word in enumerate(fox.vocabulary)}
    assert sorted(ids) == ["</s>", "<unk>", "fox", "red", "runs"]
    for line in ("red fox runs", "", "fox fox", "runs never red red"):
        expected = [log10 * np.log(10) for log10, _, _ in peer.full_scores(line)]
        text = np.array([[*(ids.get(word, 0) for word in line.split()), EOS]])
        assert fox.score(fox.begin_state(1), text)[0][0] == pytest.approx(expected, abs=1e-6)
        orders = [max(1, length) for _, length, _ in peer.full_scores(line)]
        assert fox.matched_orders(fox.begin_state(1), text)[0].tolist() == orders
    expected = [log10 * np.log(10) for log10, _, _ in peer.full_scores("fox runs", bos=False, eos=False)]
    words = np.array([[ids["fox"], ids["runs"]]])
    assert fox.score(fox.null_state(1), words)[0][0] == pytest.approx(expected, abs=1e-6)


def test_kenlm_model_of_a_trie_scores_as_the_table_of_its_arpa_text(tmp_path: Path) -> None:
    model = KenlmModel(unpacked(QUANTIZED_TRIE, tmp_path / "pruned.bin"))
    table, vocabulary = arpa.read_arpa(io.StringIO(PRUNED_BY_OTHERS))
    peer = NgramModel(NgramConfig(3), table)
    numbers = np.random.default_rng(1)
    theirs = np.array([vocabulary.index(word) for word in model.vocabulary])
    for _ in range(20):
        ids = numbers.integers(0, 4, (3, 7))
        for mine, others in ((model.begin_state(3), peer.begin_state(3)), (model.null_state(3), peer.null_state(3))):
            expected, _ = peer.score(others, theirs[ids])
            assert np.allclose(model.score(mine, ids)[0], expected, atol=1e-5)


def test_kenlm_model_scores_in_parts_and_in_company_as_at_once(fox: KenlmModel) -> None:
    ids = np.random.default_rng(2).integers(0, 5, (4, 9))
    whole, after = fox.score(fox.begin_state(4), ids)
    for cut in range(10):
        first, state = fox.score(fox.begin_state(4), ids[:, :cut])
        second, end = fox.score(state, ids[:, cut:])
        assert np.array_equal(np.hstack([first, second]), whole)
        assert np.array_equal(end, after)
        assert np.array_equal(fox.advance(fox.begin_state(4), ids[:, :cut]), state)
    lengths = np.array([9, 0, 3, 5])
    scores, state = fox.score(fox.begin_state(4), ids, lengths)
    for k, length in enumerate(lengths):
        alone, end = fox.score(fox.begin_state(1), ids[k : k + 1, :length])
        assert np.array_equal(scores[k, :length], alone[0])
        assert not scores[k, length:].any()
        assert np.array_equal(select(state, [k]), end)
    assert np.array_equal(concat([select(state, [k]) for k in range(4)]), state)


def test_kenlm_model_refuses_what_needs_the_distribution_of_the_next_token(fox: KenlmModel) -> None:
    assert fox.scores_only
    assert fox.capabilities == {"probability", "perplexity", "rescore"}
    with pytest.raises(InvalidInput, match="next token"):
        fox.logprobs(fox.begin_state(1))


@pytest.mark.parametrize("token", [-1, 5])
def test_kenlm_model_refuses_ids_outside_the_vocabulary(fox: KenlmModel, token: int) -> None:
    state, ids = fox.begin_state(2), np.array([[2, 3], [2, token]])
    for use in (fox.score, fox.advance, fox.matched_orders):
        with pytest.raises(InvalidInput, match="ids from 0 to 4") as error:
            use(state, ids)
        assert error.value.field == "tokens"
    assert fox.score(state, ids, np.array([2, 1]))[0][1, 1] == 0  # past its length, anything may stand


def published(model: KenlmModel, root: Path) -> Path:
    tokenizer = Tokenizer(TokenizerConfig(pretokenized=True), model.vocabulary)
    return save(root, "fox", model, tokenizer, Provenance("", "unknown")).path


def test_kenlm_model_is_published_with_a_copy_of_its_file(fox: KenlmModel, tmp_path: Path) -> None:
    checkpoint = load(published(fox, tmp_path / "checkpoints"))
    assert checkpoint.card.files["model.kenlm"].size == fox.file.stat().st_size
    ids = np.array([[2, 3, 4, 1]])
    loaded = checkpoint.language_model
    assert np.array_equal(loaded.score(loaded.begin_state(1), ids)[0], fox.score(fox.begin_state(1), ids)[0])
    for ask in ("predictor", "member_model"):
        with pytest.raises(UnsupportedByModel, match="perplexity, probability, rescore"):
            getattr(checkpoint, ask)


def test_kenlm_model_that_was_altered_is_not_opened(fox: KenlmModel, tmp_path: Path) -> None:
    path = published(fox, tmp_path / "checkpoints")
    file = path / "model.kenlm"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointDamaged, match="altered"):
        load(path)


def test_kenlm_model_without_the_library_names_the_extra(fox: KenlmModel, tmp_path: Path, monkeypatch) -> None:
    path = published(fox, tmp_path / "checkpoints")
    monkeypatch.setitem(__import__("sys").modules, "kenlm", None)
    with pytest.raises(CheckpointError, match=r"nextword\[kenlm\]"):
        load(path)


def test_kenlm_model_refuses_a_binary_without_words_and_a_truncated_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="without -v"):
        KenlmModel(unpacked(WITHOUT_WORDS, tmp_path / "silent.bin"))
    whole = unpacked(KENLM_PROBING, tmp_path / "fox.bin").read_bytes()
    for length in (0, 70, 120, len(whole) - 30, len(whole) - 1):
        (tmp_path / "cut.bin").write_bytes(whole[:length])
        with pytest.raises(InvalidInput, match=r"not a complete binary|truncated"):
            KenlmModel(tmp_path / "cut.bin")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (KENLM_PROBING, "probing hash tables, order 2, 6 words"),
        (QUANTIZED_TRIE, "quantized trie with compressed pointers, order 3, 5 words"),
    ],
)
def test_open_arpa_tells_a_binary_of_kenlm_and_the_ways_from_it(text: str, kind: str, tmp_path: Path) -> None:
    path = unpacked(text, tmp_path / "model.arpa")
    assert str(read_kenlm_header(path.read_bytes())) == kind
    with pytest.raises(InvalidInput, match=r"build_binary.*nextword\[kenlm\]") as error:
        open_arpa(path)
    assert kind in str(error.value)


def test_distribution_sum_adds_up_all_words(fox: KenlmModel) -> None:
    # Unigrams 0.1 + 0.2 + 3 of 0.25, 0.25 and 0.2; after "red": 0.6 listed, and 8/15 of the 0.75 of the others.
    assert fox.distribution_sum(()) == pytest.approx(1, abs=1e-5)
    assert fox.distribution_sum((EOS,)) == pytest.approx(1, abs=1e-5)
    assert fox.distribution_sum((fox.vocabulary.index("red"),)) == pytest.approx(1, abs=1e-5)
