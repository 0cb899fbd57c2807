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
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.texts import some_text

BPE = TokenizerConfig(kind="bpe", max_size=300)
TOKENIZER = Tokenizer.train(BPE, [some_text(100)])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def test_bpe_merges_the_most_frequent_pair_first():
    # "low low low lower": "lo" and "ow" stand 4 times each, of which the one whose ids come first wins, then "low".
    # The space before a word is a part of it, so that " low" is next: 3 times, one of them in " lower".
    tokenizer = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=261), ["low low low lower\n"])
    assert tokenizer.merges == [("l", "o"), ("lo", "w"), ("Ġ", "low")]
    assert tokenizer.vocabulary[:2] == ["<unk>", "</s>"]
    assert tokenizer.vocabulary[-3:] == ["lo", "low", "Ġlow"]
    assert tokenizer.vocabulary_size == 261
    assert tokenizer.surface_forms("low lower\n") == ["low", "Ġlow", "e", "r", "</s>"]


@settings(max_examples=100)
@given(TEXT)
def test_bpe_knows_any_text_and_decodes_it_exactly(text):
    encoding = TOKENIZER.encode(text)
    assert not encoding.oov.any()
    assert TOKENIZER.decode(encoding.ids.tolist()) == text
    assert text.count("\n") == (encoding.ids == EOS).sum()


@settings(max_examples=300)
@given(st.text(st.sampled_from("the cat </s><unk>\n\n\r\t\v\x1c\x85\xa01½é\U0001f600   ''-"), max_size=60))
@example("a  \n b\t c \n\n  d'll '' 's\x1f\x1f e\f\fg  ")
def test_bpe_encodes_as_plain_tokenizers_with_the_saved_file(text):
    assert TOKENIZER.encode(text).ids.tolist() == PLAIN.encode(text).ids


@pytest.fixture(scope="module", autouse=True)
def plain(tmp_path_factory):
    global PLAIN
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.json"
    TOKENIZER.save(path)
    PLAIN = HuggingFaceTokenizer.from_file(str(path))
    return path


def test_bpe_is_the_same_saved_and_loaded(plain):
    loaded = Tokenizer.load(plain)
    assert loaded.is_equivalent_to(TOKENIZER)
    assert loaded.merges == TOKENIZER.merges
    assert loaded.encode("the friendly cat\n").ids.tolist() == TOKENIZER.encode("the friendly cat\n").ids.tolist()
    other = Tokenizer.train(BPE, ["another text of some words\n"])
    assert not loaded.is_equivalent_to(other)


@pytest.mark.parametrize(
    "change",
    [{"merges": [["zz", "yy"]]}, {"vocab": {"<unk>": 0, "</s>": 1, "a": 2}}, {"nextword": {"kind": "word"}}],
)
def test_bpe_load_names_a_file_that_contradicts_itself(plain, tmp_path, change):
    stored = json.loads(plain.read_text())
    stored["model"] |= change
    (tmp_path / "tokenizer.json").write_text(json.dumps(stored))
    with pytest.raises(CheckpointDamaged):
        Tokenizer.load(tmp_path / "tokenizer.json")


def test_bpe_takes_special_tokens_of_a_text_as_text_unless_told():
    assert TOKENIZER.decode(TOKENIZER.encode("<unk></s>\n").ids.tolist()) == "<unk></s>\n"
    assert TOKENIZER.encode("<unk></s>\n").ids.tolist().count(EOS) == 1
    for fields in ({"control_tokens": True}, {"rules": 1}):
        told = Tokenizer(TokenizerConfig(kind="bpe", **fields), TOKENIZER.vocabulary, TOKENIZER.merges)
        assert told.encode("<unk></s>\n").ids.tolist() == [UNK, EOS, EOS]
    assert TOKENIZER.decode([UNK, EOS]) == "<unk>\n"


def test_byte_detokenizer_gives_a_character_once_all_of_its_bytes_are_there():
    reader = TOKENIZER.detokenizer()
    ids = TOKENIZER.encode("é\U0001f600").ids.tolist()
    assert [reader.push(i) for i in ids] == ["", "é", "", "", "", "\U0001f600"]
    assert TOKENIZER.decode([ids[0], EOS]) == "\ufffd\n"


def test_bpe_ids_with_prefix_take_the_prefix_as_text():
    tokens = {TOKENIZER.vocabulary[i] for i in TOKENIZER.ids_with_prefix(" th").tolist()}
    assert "Ġthe" in tokens
    assert all(token.startswith("Ġth") for token in tokens)


@pytest.mark.parametrize(
    ("fields", "field"), [({"max_size": 258}, "max_size"), ({"pretokenized": True}, "pretokenized")]
)
def test_bpe_config_names_a_bad_setting(fields, field):
    with pytest.raises(InvalidInput) as error:
        TokenizerConfig(kind="bpe", **fields)
    assert error.value.field == field


def test_bpe_training_fails_on_nothing_but_white_space():
    with pytest.raises(TrainingFailed):
        Tokenizer.train(BPE, ["\n\n"])


def test_bpe_folds_case_if_configured():
    folded = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=300, lowercase=True), [some_text(20)])
    assert folded.encode("THE Cat\n").ids.tolist() == folded.encode("the cat\n").ids.tolist()


def test_bpe_text_is_counted_evaluated_and_generated(tmp_path):
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
    assert (lines.word_count, lines.line_count, lines.byte_count) == (4, 1, 20)
    sequences = make_sequences(TOKENIZER, "the ", SamplingParams(max_tokens=30, seed=3))
    list(generate(model, sequences))
    assert sequences[0].text
