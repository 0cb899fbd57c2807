"""Character tokenizer: it gives what plain Hugging Face `tokenizers` gives."""

from collections import Counter
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.special_tokens import SPECIAL_TOKENS
from models.tokenization.character_tokenizer import CharacterTokenizer
from models.tokenization.config import Texts, TokenizerConfig
from models.tokenization.definition.pipeline import build_pipeline, surface_forms
from models.tokenization.encoding import MISSING

texts = st.text(st.sampled_from("ab\n\r \x00<\u00e9\u0130\u03a3\u4e2d\U0001f600") | st.characters(codec="utf-8"))


@pytest.mark.parametrize("ends", get_args(Texts))
@pytest.mark.parametrize("lowercase", [False, True])
@settings(deadline=None)
@given(known=texts, text=texts)
def test_character_tokenizer_encodes_and_counts_as_the_pipeline_does(
    lowercase: bool, ends: Texts, known: str, text: str
) -> None:
    config = TokenizerConfig(kind="character", lowercase=lowercase, texts=ends)
    pipeline = build_pipeline(config, SPECIAL_TOKENS)
    vocabulary = list(dict.fromkeys([*SPECIAL_TOKENS, *surface_forms(pipeline, known)]))
    characters = CharacterTokenizer(config, vocabulary)
    ids = characters.encode(text)
    assert ids.dtype == np.int32
    assert np.maximum(ids, 0).tolist() == build_pipeline(config, vocabulary).encode(text).ids
    assert (ids == MISSING).tolist() == [form not in vocabulary for form in surface_forms(pipeline, text)]
    assert characters.split(text) == surface_forms(pipeline, text)
    assert characters.count([known, text]) == Counter(surface_forms(pipeline, known) + surface_forms(pipeline, text))


def test_character_tokenizer_recognises_no_special_token_in_text() -> None:
    tokenizer = CharacterTokenizer(TokenizerConfig(kind="character"), [*SPECIAL_TOKENS, *"<unk>"])
    assert tokenizer.encode("<unk>").tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("ends", "ids"),
    [("whole", [2, 4, 2, 4, 3, 4, 4, 2]), ("lines", [2, 1, 2, 1, 3, 1, 1, 2]), ("paragraphs", [2, 4, 2, 1, 2])],
)
def test_character_tokenizer_ends_texts_as_its_configuration_says(ends: Texts, ids: list[int]) -> None:
    tokenizer = CharacterTokenizer(TokenizerConfig("character", texts=ends), [*SPECIAL_TOKENS, *"a \n"])
    assert tokenizer.encode("a\na\n \n\na").tolist() == ids
    assert tokenizer.split("a\na\n \n\na").count("</s>") == ids.count(1)
