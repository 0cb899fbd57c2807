"""Sub-word tokens: merges by hand, any text written and read back, and the same ids as plain `tokenizers`."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as HuggingFaceTokenizer

from models.data.corpus import Corpus
from models.errors import CheckpointDamaged, InvalidInput, TrainingFailed
from models.evaluation.evaluator import evaluate
from models.inference.config import SamplingParams
from models.inference.generation import generate, make_sequences
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.special_tokens import EOS, UNK
from models.tokenization.tokenizer import Tokenizer, TokenizerConfig
from models.utils.progress import run_to_completion
from tests.helpers.serving import some_text

BPE = TokenizerConfig(kind="bpe", max_size=300)
TOKENIZER = Tokenizer.train(BPE, [some_text(100)])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).filter(lambda text: "</s>" not in text)


def test_the_most_frequent_pair_is_merged_first():
    # "low low low lower": "lo" and "ow" stand 4 times each, of which the one whose ids come first wins, then "low".
    # The blank before a word is a part of it, so that " low" is next: 3 times, one of them in " lower".
    found = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=261), ["low low low lower\n"])
    assert found.merges == [("l", "o"), ("lo", "w"), ("Ġ", "low")]
    assert found.vocabulary[:2] == ["<unk>", "</s>"]
    assert found.vocabulary[-3:] == ["lo", "low", "Ġlow"]
    assert found.vocabulary_size == 261
    assert found.surface_forms("low lower\n") == ["low", "Ġlow", "e", "r", "</s>"]


@settings(max_examples=100)
@given(TEXT)
def test_any_text_is_known_and_comes_back_exactly(text):
    encoding = TOKENIZER.encode(text)
    assert not encoding.oov.any()
    assert TOKENIZER.decode(encoding.ids.tolist()) == text
    assert text.count("\n") == (encoding.ids == EOS).sum()


@settings(max_examples=300)
@given(st.text(st.sampled_from("the cat </s><unk>\n\n\r\t\v\x1c\x85\xa01½é\U0001f600   ''-"), max_size=60))
@example("a  \n b\t c \n\n  d'll '' 's\x1f\x1f e\f\fg  ")
def test_ids_are_those_of_the_stored_file_in_plain_tokenizers(text):
    assert TOKENIZER.encode(text).ids.tolist() == PLAIN.encode(text).ids


@pytest.fixture(scope="module", autouse=True)
def plain(tmp_path_factory):
    global PLAIN
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.json"
    TOKENIZER.save(path)
    PLAIN = HuggingFaceTokenizer.from_file(str(path))
    return path


def test_saved_and_loaded_it_is_the_same(plain):
    found = Tokenizer.load(plain)
    assert found.is_equivalent_to(TOKENIZER)
    assert found.merges == TOKENIZER.merges
    assert found.encode("the friendly cat\n").ids.tolist() == TOKENIZER.encode("the friendly cat\n").ids.tolist()
    other = Tokenizer.train(BPE, ["another text of some words\n"])
    assert not found.is_equivalent_to(other)


@pytest.mark.parametrize(
    "change",
    [{"merges": [["zz", "yy"]]}, {"vocab": {"<unk>": 0, "</s>": 1, "a": 2}}, {"nextword": {"kind": "word"}}],
)
def test_a_file_that_does_not_hang_together_is_damage(plain, tmp_path, change):
    stored = json.loads(plain.read_text())
    stored["model"] |= change
    (tmp_path / "tokenizer.json").write_text(json.dumps(stored))
    with pytest.raises(CheckpointDamaged):
        Tokenizer.load(tmp_path / "tokenizer.json")


def test_special_tokens_of_a_text_stand_for_themselves():
    assert TOKENIZER.encode("<unk></s>\n").ids.tolist() == [UNK, EOS, EOS]
    assert TOKENIZER.decode([UNK, EOS]) == "<unk>\n"


def test_a_character_is_told_once_all_of_its_bytes_are_there():
    reader = TOKENIZER.detokenizer()
    ids = TOKENIZER.encode("é\U0001f600").ids.tolist()
    assert [reader.push(i) for i in ids] == ["", "é", "", "", "", "\U0001f600"]
    assert TOKENIZER.decode([ids[0], EOS]) == "\ufffd\n"


def test_tokens_are_found_by_how_they_begin_in_the_text():
    found = {TOKENIZER.vocabulary[i] for i in TOKENIZER.ids_with_prefix(" th").tolist()}
    assert "Ġthe" in found
    assert all(token.startswith("Ġth") for token in found)


@pytest.mark.parametrize(
    ("fields", "field"), [({"max_size": 258}, "max_size"), ({"pretokenized": True}, "pretokenized")]
)
def test_what_no_bpe_tokenizer_can_be_is_refused_by_name(fields, field):
    with pytest.raises(InvalidInput) as error:
        TokenizerConfig(kind="bpe", **fields)
    assert error.value.field == field


def test_a_text_of_nothing_but_blanks_teaches_nothing():
    with pytest.raises(TrainingFailed):
        Tokenizer.train(BPE, ["\n\n"])


def test_case_is_folded_where_that_is_wanted():
    folded = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=300, lowercase=True), [some_text(20)])
    assert folded.encode("THE Cat\n").ids.tolist() == folded.encode("the cat\n").ids.tolist()


def test_a_text_is_counted_measured_and_written_in_such_tokens(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(some_text(200))
    corpus = Corpus.open(path, kind="bpe")
    encoded = corpus.encode(TOKENIZER)
    assert (encoded.oov_count, encoded.lines) == (0, 200)
    config = NgramConfig(order=4)
    model = NgramModel(config, estimate_from_tokens(config, encoded.ids, TOKENIZER.vocabulary_size))
    lines, document = (
        run_to_completion(evaluate(model, TOKENIZER, ["A bird sat, unseen.\n"], unit)) for unit in ("lines", "document")
    )
    assert lines.bits_per_byte == pytest.approx(document.bits_per_byte)
    assert (lines.word_count, lines.byte_count) == (5, 20)
    sequences = make_sequences(TOKENIZER, "the ", SamplingParams(max_tokens=30, seed=3))
    list(generate(model, sequences))
    assert sequences[0].text
