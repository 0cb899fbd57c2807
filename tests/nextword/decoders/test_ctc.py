"""The language model of CTC decoders, without their libraries."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

import nextword
from nextword.decoders.ctc import IMPOSSIBLE, CtcLanguageModel
from nextword.decoders.spelling import Spelling, spell_tokens, spell_words
from tests.helpers.toy import Bigram
from tests.nextword.decoders.conftest import TOKENS, WORDS, text_logprob


class PlainLM(CtcLanguageModel):
    """States are plain objects."""

    def _new_state(self):
        return SimpleNamespace()


def score_text(lm, entries):
    total, state = 0.0, lm.start(False)
    for entry in entries:
        state, score = lm.score(state, entry)
        total += score
    return total + lm.finish(state)[1]


@pytest.mark.parametrize("name", ["words", "characters", "pieces", "network"])
def test_ctc_words_add_up_to_the_text(toy_models, name):
    checkpoint = nextword.load(name, checkpoints=toy_models, precision="int8")
    lm = PlainLM(checkpoint.language_model, spell_words(checkpoint.tokenizer, WORDS))
    for words in itertools.product(range(len(WORDS)), repeat=3):
        text = " ".join(WORDS[word] for word in words)
        assert score_text(lm, words) == pytest.approx(text_logprob(checkpoint, text), abs=1e-4)


@pytest.mark.parametrize("name", ["characters", "network"])
def test_ctc_letters_add_up_to_the_text(toy_models, name):
    checkpoint = nextword.load(name, checkpoints=toy_models, precision="int8")
    lm = PlainLM(checkpoint.language_model, spell_tokens(checkpoint.tokenizer, TOKENS))
    letters = "ab|a|ba"
    entries = [TOKENS.index(letter) for letter in letters]
    assert score_text(lm, entries) == pytest.approx(text_logprob(checkpoint, letters.replace("|", " ")), abs=1e-4)
    assert lm.score(lm.start(True), 0) == (lm.start(False), 0.0) or lm.score(lm.start(True), 0)[1] == 0.0


def test_ctc_equal_texts_share_a_state_and_are_scored_once(toy_models, monkeypatch):
    checkpoint = nextword.load("words", checkpoints=toy_models)
    lm = PlainLM(checkpoint.language_model, spell_words(checkpoint.tokenizer, WORDS))
    start = lm.start(False)
    state, score = lm.score(lm.score(start, 1)[0], 2)
    monkeypatch.setattr(lm, "_reader", None)
    again = lm.score(lm.score(start, 1)[0], 2)
    assert again[0] is state
    assert again[1] == score


def test_ctc_merges_texts_of_one_context_if_asked(toy_models):
    checkpoint = nextword.load("words", checkpoints=toy_models)  # of order 3: the last two words decide
    spellings = spell_words(checkpoint.tokenizer, WORDS)
    for merge in (False, True):
        lm = PlainLM(checkpoint.language_model, spellings, merge=merge)
        start = lm.start(False)
        ends = [lm.score(lm.score(lm.score(start, first)[0], 0)[0], 2)[0] for first in (0, 2)]
        assert (ends[0] is ends[1]) == merge


def test_ctc_unknown_words_cost_what_is_said(toy_models):
    checkpoint = nextword.load("words", checkpoints=toy_models)
    spellings = spell_words(checkpoint.tokenizer, ["<unk>", "bbb", "ab"])
    plain, dear = (PlainLM(checkpoint.language_model, spellings, unknown_score=score) for score in (0.0, -7.0))
    costs = [dear.score(dear.start(False), i)[1] - plain.score(plain.start(False), i)[1] for i in range(3)]
    assert costs == pytest.approx([-7.0, -7.0, 0.0])


def test_ctc_impossible_entries_are_finite():
    model = Bigram(np.eye(4)[[2, 2, 2, 2, 2]])
    model.runs_inline = True
    lm = PlainLM(model, [Spelling((3,), (3,))])
    assert lm.score(lm.start(False), 0)[1] == IMPOSSIBLE
    assert lm.finish(lm.start(False))[1] == IMPOSSIBLE


def test_ctc_without_boundaries_the_end_costs_nothing(toy_models):
    checkpoint = nextword.load("words", checkpoints=toy_models)
    lm = PlainLM(checkpoint.language_model, spell_words(checkpoint.tokenizer, WORDS), boundaries=False)
    assert lm.finish(lm.start(False))[1] == 0.0
    null = checkpoint.language_model.logprobs(checkpoint.language_model.null_state(1))[0]
    assert lm.score(lm.start(False), 0)[1] == pytest.approx(null[checkpoint.tokenizer.token_to_id("a")])
