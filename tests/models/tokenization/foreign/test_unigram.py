"""Tokens of kind unigram: any text comes back as it was, ids are our own, training is repeatable."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput, TrainingFailed
from models.special_tokens import EOS, SPECIAL_TOKENS
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import LINES

TEXT = "".join(f"{line}\n" for line in LINES * 5)
TOKENIZER = Tokenizer.train(TokenizerConfig(kind="unigram", max_size=400), [TEXT])


@settings(deadline=None)
@given(text=st.lists(st.sampled_from(["</s>", "<unk>", "the cat", "  ", "\n"]) | st.text(max_size=5)).map("".join))
def test_unigram_model_writes_any_text_back_as_it_was(text: str) -> None:
    text = text.replace("\u2581", "")  # SentencePiece's own mark of a blank
    encoding = TOKENIZER.encode(text)
    assert TOKENIZER.decode(encoding.ids) == text
    assert not encoding.oov.any()
    assert encoding.ids.tolist().count(EOS) == text.count("\n")
    tokens = TOKENIZER.encode_with_offsets(text)
    assert len(tokens.ids) == len(tokens.surface_forms) == len(tokens.offsets)


def test_unigram_tokens_are_pieces_with_ids_of_our_own(tmp_path: Path) -> None:
    assert TOKENIZER.vocabulary[:2] == SPECIAL_TOKENS
    assert TOKENIZER.public_ids is None
    assert TOKENIZER.vocabulary_size <= 400
    assert TOKENIZER.surface_forms(" dog") == ["\u2581dog"]
    assert TOKENIZER.names.texts[TOKENIZER.encode(" dog").ids[0]] == " dog"
    TOKENIZER.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.is_equivalent_to(TOKENIZER)
    assert loaded.config == TOKENIZER.config


def test_train_unigram_gives_one_vocabulary_for_one_text() -> None:
    again = Tokenizer.train(TOKENIZER.config, [TEXT[:70], TEXT[70:]])  # in chunks of whole lines or not
    assert Tokenizer.train(TOKENIZER.config, [TEXT]).is_equivalent_to(TOKENIZER)
    assert again.vocabulary_size <= 400


def test_train_unigram_reads_one_enormous_line() -> None:
    tokenizer = Tokenizer.train(TokenizerConfig(kind="unigram", max_size=400), [" ".join(LINES * 100)])
    assert "\u2581dog" in tokenizer.vocabulary


NORMALIZED = TokenizerConfig(kind="unigram", max_size=400, lowercase=True, normalize=("nfkc", "punctuation"))
CHANGED = Tokenizer.train(NORMALIZED, [TEXT.upper()])


def test_unigram_model_normalizes_text_in_training_and_when_it_splits() -> None:
    assert "\u2581dog" in CHANGED.vocabulary
    assert CHANGED.decode(CHANGED.encode("DON\u2019T \ufb01t\u2026").ids) == "don't fit..."
    # the ligature is two characters of the text that is split, the ellipsis three, and they stand at one place
    tokens = CHANGED.encode_with_offsets("\ufb01\u2026")
    places = {form: tuple(place) for form, place in zip(tokens.surface_forms, tokens.offsets.tolist(), strict=True)}
    assert places == {"f": (0, 1), "i": (0, 1), ".": (1, 2)}


@settings(deadline=None)
@given(text=st.lists(st.sampled_from(["\ufb01", "\u2026", "e\u0301", "\u0130", "a", " ", "\n"])).map("".join))
def test_unigram_model_tells_offsets_in_the_text_before_it_was_changed(text: str) -> None:
    tokens = CHANGED.encode_with_offsets(text)
    assert len(tokens.ids) == len(tokens.offsets)
    assert ((tokens.offsets >= 0) & (tokens.offsets <= len(text))).all()
    assert (tokens.offsets[:, 0] <= tokens.offsets[:, 1]).all()
    assert (np.diff(tokens.offsets[:, 0]) >= 0).all()


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_train_unigram_fails_without_text(text: str) -> None:
    with pytest.raises(TrainingFailed, match=r"of the training text: it holds no text$"):
        Tokenizer.train(TokenizerConfig(kind="unigram"), [text])


def test_train_unigram_tells_which_size_holds_the_characters() -> None:
    letters = "".join(map(chr, range(0x4E00, 0x4E00 + 100)))  # and 256 bytes, <unk> and </s>: 358
    with pytest.raises(TrainingFailed, match=r"its characters alone, and 256 bytes, need a max_size of 358$"):
        Tokenizer.train(TokenizerConfig(kind="unigram", max_size=300), [letters])


def test_unigram_settings_that_do_not_go_with_it_are_refused() -> None:
    for settings_ in ({"control_tokens": True}, {"pretokenized": True}, {"max_size": 100}, {"boundary": "</s>"}):
        with pytest.raises(InvalidInput, match=next(iter(settings_))):
            TokenizerConfig(kind="unigram", **settings_)
