"""pyctcdecode's beam search, unmodified, finds with our models what brute force finds.

It needs `pyctcdecode`, which asks for a NumPy before 2: in this environment, or in that of the Python that
NEXTWORD_PYCTCDECODE_PYTHON names.
"""

import sys
from abc import ABC
from types import ModuleType

import numpy as np
import pytest

import nextword
from models.checkpoint.export import export_file
from models.errors import InvalidInput
from tests.nextword.decoders.conftest import collapse, decode, log_sum, run_elsewhere, text_logprob

ALPHA, BETA, UNKNOWN = 0.8, 0.4, -1.5
PROGRAM = """
import json, sys
import numpy as np
import nextword
from nextword.decoders.pyctcdecode import PyctcdecodeLM
from pyctcdecode.alphabet import Alphabet
from pyctcdecode.decoder import BeamSearchDecoderCTC
path, words, emission, settings = map(json.loads, sys.argv[1:])
checkpoint = nextword.load(path, precision="int8")
lm = PyctcdecodeLM(checkpoint.language_model, checkpoint.tokenizer, words=words, **settings)
decoder = BeamSearchDecoderCTC(Alphabet.build_alphabet(["", " ", "a", "b"]), lm)
sizes = dict(beam_width=100000, beam_prune_logp=-1e9, token_min_logp=-1e9)
beams = decoder.decode_beams(np.array(emission), **sizes)
print(json.dumps([[beam[0], beam[-1]] for beam in beams]))
"""


COMPARISON = """
import json, sys
import kenlm
import nextword
from nextword.decoders.pyctcdecode import PyctcdecodeLM
from pyctcdecode.language_model import LanguageModel
path, arpa, words, texts = map(json.loads, sys.argv[1:])
checkpoint = nextword.load(path)
models = [
    PyctcdecodeLM(checkpoint.language_model, checkpoint.tokenizer),
    LanguageModel(kenlm.Model(arpa), unigrams=words),
]
answers = []
for model in models:
    answers.append([])
    for text in texts:
        state = model.get_start_state()
        for i, word in enumerate(text):
            score, state = model.score(state, word, is_last_word=i + 1 == len(text))
            answers[-1] += [score, model.score_partial_token(word), model.score_partial_token(word[:-1])]
print(json.dumps(answers))
"""


def run(path, emission, words=None, **settings):
    settings = {"alpha": ALPHA, "beta": BETA, "unk_score_offset": UNKNOWN, **settings}
    arguments = [str(path), words, emission.tolist(), settings]
    return run_elsewhere("NEXTWORD_PYCTCDECODE_PYTHON", "pyctcdecode", PROGRAM, *arguments)


def read(path):
    return " ".join(collapse(path).replace("|", " ").split())


@pytest.mark.clients
@pytest.mark.parametrize("name", ["words", "characters", "pieces", "network"])
def test_pyctcdecode_finds_texts_as_brute_force_does(toy_models, emission, name):
    checkpoint = nextword.load(name, checkpoints=toy_models, precision="int8")

    def text_score(text):
        unknown = sum(checkpoint.tokenizer.encode(word).oov.any() for word in text.split())
        lm = text_logprob(checkpoint, text) + unknown * UNKNOWN * np.log(10)
        return ALPHA * lm + BETA * len(text.split())

    expected = decode(emission, read, log_sum, text_score)
    found = run(checkpoint.path, emission)
    assert [text for text, _ in found[:9]] == [text for text, _ in expected[:9]]
    np.testing.assert_allclose([score for _, score in found[:9]], [score for _, score in expected[:9]], atol=1e-3)


@pytest.mark.clients
def test_pyctcdecode_scores_words_as_its_own_model_does(toy_models, tmp_path):
    checkpoint = nextword.load("words", checkpoints=toy_models)
    arpa, words = tmp_path / "words.arpa", checkpoint.tokenizer.vocabulary[2:]
    arpa.write_bytes(b"".join(export_file(checkpoint, "arpa", "words")))
    texts = [["ab", "a", "ba"], ["b"], ["bbbbbbbbbb", "a", "bba"], ["a"] * 5]
    arguments = [COMPARISON, str(checkpoint.path), str(arpa), words, texts]
    ours, theirs = run_elsewhere("NEXTWORD_PYCTCDECODE_PYTHON", "pyctcdecode, kenlm", *arguments)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.fixture
def adapter(monkeypatch, toy_models):
    """Maker of the adapter; where pyctcdecode is missing, an empty base class stands for its own."""
    try:
        import pyctcdecode  # noqa: F401
    except ImportError:
        base = ModuleType("pyctcdecode.language_model")
        base.AbstractLanguageModel = ABC
        monkeypatch.setitem(sys.modules, "pyctcdecode", ModuleType("pyctcdecode"))
        monkeypatch.setitem(sys.modules, "pyctcdecode.language_model", base)
    from nextword.decoders.pyctcdecode import PyctcdecodeLM

    def make(name="words", **settings):
        checkpoint = nextword.load(name, checkpoints=toy_models, precision="int8")
        return PyctcdecodeLM(checkpoint.language_model, checkpoint.tokenizer, **settings), checkpoint

    return make


@pytest.mark.parametrize("name", ["words", "characters", "pieces", "network"])
def test_pyctcdecode_words_add_up_to_the_text(adapter, name):
    lm, checkpoint = adapter(name, alpha=1.0, beta=0.0)
    total, state = 0.0, lm.get_start_state()
    for word, is_last in (("ab", False), ("a", False), ("ba", True)):
        score, state = lm.score(state, word, is_last)
        total += score
    assert total == pytest.approx(text_logprob(checkpoint, "ab a ba"), abs=1e-4)


def test_pyctcdecode_empty_last_word_adds_the_end_alone(adapter):
    lm, _ = adapter(alpha=1.0, beta=5.0)
    inside, state = lm.score(lm.get_start_state(), "ab")
    whole, _ = lm.score(lm.get_start_state(), "ab", is_last_word=True)
    assert lm.score(state, "", is_last_word=True)[0] == pytest.approx(whole - inside)


def test_pyctcdecode_without_boundaries_scores_no_end(adapter):
    lm, _ = adapter(score_boundary=False)
    start = lm.get_start_state()
    assert lm.score(start, "ab", is_last_word=True)[0] == lm.score(start, "ab")[0]
    lm.reset_params(score_boundary=True)
    assert lm.score(lm.get_start_state(), "ab", is_last_word=True)[0] < lm.score(lm.get_start_state(), "ab")[0]


def test_pyctcdecode_unknown_words_cost_the_offset_in_log10(adapter):
    lm, _ = adapter(alpha=0.5, beta=0.0, unk_score_offset=-2.0)
    plain, _ = adapter(alpha=0.5, beta=0.0, unk_score_offset=0.0)
    cost = lm.score(lm.get_start_state(), "bbb")[0] - plain.score(plain.get_start_state(), "bbb")[0]
    assert cost == pytest.approx(0.5 * -2.0 * np.log(10))


@pytest.mark.parametrize(
    ("partial", "score"),
    [("a", 0.0), ("ab", 0.0), ("aa", -3.0), ("aaaaaa", -3.0), ("aaaaaaaaaaaa", -6.0)],  # twelve letters cost double
)
def test_pyctcdecode_beginnings_that_no_word_has_cost_the_offset(adapter, partial, score):
    assert adapter(unk_score_offset=-3.0)[0].score_partial_token(partial) == score


def test_pyctcdecode_words_of_the_caller_replace_those_of_the_vocabulary(adapter):
    lm, _ = adapter("characters", words=["aabb"], unk_score_offset=-3.0)
    assert [lm.score_partial_token(word) for word in ("aab", "ab")] == [0.0, -3.0]
    free, _ = adapter("characters")
    assert free.score_partial_token("bbbbbb") == 0.0


def test_pyctcdecode_order_is_that_of_the_model(adapter):
    assert adapter()[0].order == 3
    assert adapter("network")[0].order == sys.maxsize


@pytest.mark.parametrize(("name", "value"), [("alpha", "1"), ("beta", True), ("score_boundary", 1.0), ("gamma", 1.0)])
def test_pyctcdecode_refuses_parameters_by_name(adapter, name, value):
    lm, _ = adapter()
    with pytest.raises(InvalidInput, match=f"^{name}: "):
        lm.reset_params(**{name: value})
