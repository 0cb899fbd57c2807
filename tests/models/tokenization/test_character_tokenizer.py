"""The bulk path of characters gives what plain Hugging Face `tokenizers` gives."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.special_tokens import SPECIALS
from models.tokenization.character_tokenizer import Characters
from models.tokenization.config import TokenizerConfig
from models.tokenization.pipeline import build, surfaces
from models.tokenization.vocab_lookup import MISSING

texts = st.text(st.sampled_from("ab\n\r \x00<\u00e9\u0130\u03a3\u4e2d\U0001f600") | st.characters(codec="utf-8"))


@pytest.mark.parametrize("lowercase", [False, True])
@settings(deadline=None)
@given(known=texts, text=texts)
def test_ids_and_counts_equal_those_of_the_pipeline(lowercase: bool, known: str, text: str) -> None:
    config = TokenizerConfig(kind="character", lowercase=lowercase)
    splitter = build(config, SPECIALS)
    vocabulary = list(dict.fromkeys([*SPECIALS, *surfaces(splitter, known)]))
    characters = Characters(config, vocabulary)
    ids = characters.encode(text)
    assert ids.dtype == np.int32
    assert np.maximum(ids, 0).tolist() == build(config, vocabulary).encode(text).ids
    assert (ids == MISSING).tolist() == [surface not in vocabulary for surface in surfaces(splitter, text)]
    assert characters.cut(text) == surfaces(splitter, text)
    assert characters.count([known, text]) == Counter(surfaces(splitter, known) + surfaces(splitter, text))


def test_no_special_token_is_recognised_in_text() -> None:
    assert Characters(TokenizerConfig(kind="character"), [*SPECIALS, *"<unk>"]).encode("<unk>").tolist() == [
        2,
        3,
        4,
        5,
        6,
    ]
