"""The bulk path gives what plain Hugging Face `tokenizers` gives, whatever the text."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.special_tokens import EOS, SPECIAL_TOKENS
from models.tokenization.config import TokenizerConfig
from models.tokenization.pipeline import build_pipeline, surface_forms
from models.tokenization.vocab_lookup import MISSING
from models.tokenization.word_tokenizer import WordTokenizer
from tests.helpers.tokenizers import CONFIGS, identity, texts


@pytest.mark.parametrize("config", CONFIGS, ids=identity)
@settings(deadline=None, max_examples=150)
@given(known=texts, text=texts)
@example(known="do n't", text="don't DON\u2019T n't xn't n'tx")
@example(known="\u03bf\u03c3", text="\u039f\u03a3 \u039f\u03a3\n\u039f\u03a3")
@example(known="a", text="\u4e2d a\na\n\u4e2d\n\u4e2d a")  # lines for either way in turns
@example(known="a", text="")
def test_ids_equal_those_of_the_pipeline(config: TokenizerConfig, known: str, text: str) -> None:
    splitter = build_pipeline(config, SPECIAL_TOKENS)
    vocabulary = list(dict.fromkeys([*SPECIAL_TOKENS, *surface_forms(splitter, known)]))
    ids = WordTokenizer(config, vocabulary).encode(text)
    assert ids.dtype == np.int32
    assert np.maximum(ids, 0).tolist() == build_pipeline(config, vocabulary).encode(text).ids
    assert (ids == MISSING).tolist() == [surface not in vocabulary for surface in surface_forms(splitter, text)]
    assert WordTokenizer(config, vocabulary).split(text) == surface_forms(splitter, text)


@pytest.mark.parametrize("config", CONFIGS, ids=identity)
@settings(deadline=None, max_examples=50)
@given(known=texts, rows=st.lists(texts, max_size=5), ended=st.booleans())
@example(known="a n't", rows=["", "a n", "'t", "a\n", "<", "unk> don", "a\u2019", "--", "-"], ended=False)
@example(known="a", rows=["a \u4e2d", "a", ""], ended=True)
def test_texts_together_are_each_alone(config: TokenizerConfig, known: str, rows: list[str], ended: bool) -> None:
    words = WordTokenizer(
        config, list(dict.fromkeys([*SPECIAL_TOKENS, *surface_forms(build_pipeline(config, SPECIAL_TOKENS), known)]))
    )
    ids, ends = words.encode_batch(rows, ended)
    assert ids.dtype == np.int32
    found = [part.tolist() for part in np.split(ids, ends)]
    assert found == [[*words.encode(row).tolist(), *[EOS] * ended] for row in rows] + [[]]


@pytest.mark.parametrize("config", CONFIGS, ids=identity)
def test_every_character_that_the_loops_judge_is_judged_as_by_the_pipeline(config: TokenizerConfig) -> None:
    characters = [chr(code) for code in [*range(0x3100), 0xFEFF, 0xFFFD, 0x1F600] if not 0xD800 <= code < 0xE000]
    text = "\n".join(f"a{c}a {c} {c}'s don{c}t {c}{c}x '{c}" for c in characters)
    splitter = build_pipeline(config, SPECIAL_TOKENS)
    expected = surface_forms(splitter, text)
    vocabulary = list(dict.fromkeys([*SPECIAL_TOKENS, *expected]))
    assert [vocabulary[i] for i in WordTokenizer(config, vocabulary).encode(text)] == expected


def test_long_words_are_told_apart_at_their_beginnings() -> None:
    words = ["xinternational", "yinternational", "international", "zinternational"]
    ids = WordTokenizer(CONFIGS[0], [*SPECIAL_TOKENS, *words[:3]]).encode(" ".join([*words, "wwww" + words[2]]))
    assert ids.tolist() == [2, 3, 4, MISSING, MISSING]
