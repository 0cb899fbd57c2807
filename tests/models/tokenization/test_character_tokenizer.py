"""The bulk path of characters gives what plain Hugging Face `tokenizers` gives."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.special_tokens import SPECIAL_TOKENS
from models.tokenization.character_tokenizer import CharacterTokenizer
from models.tokenization.config import TokenizerConfig
from models.tokenization.pipeline import build_pipeline, surface_forms
from models.tokenization.vocab_lookup import MISSING

texts = st.text(st.sampled_from("ab\n\r \x00<\u00e9\u0130\u03a3\u4e2d\U0001f600") | st.characters(codec="utf-8"))


@pytest.mark.parametrize("lowercase", [False, True])
@settings(deadline=None)
@given(known=texts, text=texts)
def test_ids_and_counts_equal_those_of_the_pipeline(lowercase: bool, known: str, text: str) -> None:
    config = TokenizerConfig(kind="character", lowercase=lowercase)
    splitter = build_pipeline(config, SPECIAL_TOKENS)
    vocabulary = list(dict.fromkeys([*SPECIAL_TOKENS, *surface_forms(splitter, known)]))
    characters = CharacterTokenizer(config, vocabulary)
    ids = characters.encode(text)
    assert ids.dtype == np.int32
    assert np.maximum(ids, 0).tolist() == build_pipeline(config, vocabulary).encode(text).ids
    assert (ids == MISSING).tolist() == [surface not in vocabulary for surface in surface_forms(splitter, text)]
    assert characters.split(text) == surface_forms(splitter, text)
    assert characters.count([known, text]) == Counter(surface_forms(splitter, known) + surface_forms(splitter, text))


def test_no_special_token_is_recognised_in_text() -> None:
    assert CharacterTokenizer(TokenizerConfig(kind="character"), [*SPECIAL_TOKENS, *"<unk>"]).encode(
        "<unk>"
    ).tolist() == [
        2,
        3,
        4,
        5,
        6,
    ]
