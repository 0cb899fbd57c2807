"""Word tokenizer: the compiled loops give what Hugging Face's `tokenizers` gives for any text."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.special_tokens import EOS, SPECIAL_TOKENS
from models.tokenization.config import TokenizerConfig
from models.tokenization.definition.pipeline import build_pipeline, surface_forms
from models.tokenization.encoding import MISSING
from models.tokenization.words.word_tokenizer import WordTokenizer
from tests.helpers.tokenizers import CONFIGS, identity, texts


@pytest.mark.parametrize("config", CONFIGS, ids=identity)
@settings(deadline=None, max_examples=150)
@given(known=texts, text=texts)
@example(known="do n't", text="don't DON\u2019T n't xn't n'tx")
@example(known="\u03bf\u03c3", text="\u039f\u03a3 \u039f\u03a3\n\u039f\u03a3")
@example(known="a", text="\u4e2d a\na\n\u4e2d\n\u4e2d a")
@example(known="a", text="")
def test_word_tokenizer_encodes_as_the_pipeline_does(config: TokenizerConfig, known: str, text: str) -> None:
    pipeline = build_pipeline(config, SPECIAL_TOKENS)
    vocabulary = list(dict.fromkeys([*SPECIAL_TOKENS, *surface_forms(pipeline, known)]))
    ids = WordTokenizer(config, vocabulary).encode(text)
    assert ids.dtype == np.int32
    whole = build_pipeline(config, vocabulary)
    assert np.maximum(ids, 0).tolist() == whole.encode(text).ids
    # From edition 2 on a typed `</s>` is unknown even if it is one word, and a newline is the boundary.
    pieces = [form for form, _ in whole.pre_tokenizer.pre_tokenize_str(whole.normalizer.normalize_str(text))]
    assert (ids == MISSING).tolist() == [whole.token_to_id(form) is None for form in pieces]
    assert WordTokenizer(config, vocabulary).split(text) == surface_forms(pipeline, text)


@pytest.mark.parametrize("config", CONFIGS, ids=identity)
@settings(deadline=None, max_examples=50)
@given(known=texts, rows=st.lists(texts, max_size=5), add_eos=st.booleans())
@example(known="a n't", rows=["", "a n", "'t", "a\n", "<", "unk> don", "a\u2019", "--", "-"], add_eos=False)
@example(known="a", rows=["a \u4e2d", "a", ""], add_eos=True)
def test_word_tokenizer_encodes_texts_together_as_alone(
    config: TokenizerConfig, known: str, rows: list[str], add_eos: bool
) -> None:
    words = WordTokenizer(
        config, list(dict.fromkeys([*SPECIAL_TOKENS, *surface_forms(build_pipeline(config, SPECIAL_TOKENS), known)]))
    )
    ids, ends = words.encode_batch(rows, add_eos=add_eos)
    assert ids.dtype == np.int32
    parts = [part.tolist() for part in np.split(ids, ends)]
    assert parts == [[*words.encode(row).tolist(), *[EOS] * add_eos] for row in rows] + [[]]


@pytest.mark.parametrize("config", CONFIGS, ids=identity)
def test_word_tokenizer_splits_every_character_as_the_pipeline_does(config: TokenizerConfig) -> None:
    codes = [*range(0x3100), *range(0xA000, 0xAC80), *range(0xFB00, 0x10000), *range(0x1F000, 0x1FB00), 0xE0067]
    text = "\n".join(f"a{chr(c)}a {chr(c)} {chr(c)}'s don{chr(c)}t {chr(c)}{chr(c)}x '{chr(c)}" for c in codes)
    pipeline = build_pipeline(config, SPECIAL_TOKENS)
    expected = surface_forms(pipeline, text)
    vocabulary = list(dict.fromkeys([*SPECIAL_TOKENS, *expected]))
    assert [vocabulary[i] for i in WordTokenizer(config, vocabulary).encode(text)] == expected


def test_word_tokenizer_knows_the_last_code_points() -> None:
    words = WordTokenizer(CONFIGS[0], [*SPECIAL_TOKENS, "\U000e01ef", "\U0010ffff"])
    assert words.encode("\U0010ffff \U000e01ef \U000efffe").tolist() == [3, 2, MISSING]


def test_word_tokenizer_tells_long_words_apart_at_their_beginnings() -> None:
    words = ["xinternational", "yinternational", "international", "zinternational"]
    ids = WordTokenizer(CONFIGS[0], [*SPECIAL_TOKENS, *words[:3]]).encode(" ".join([*words, "wwww" + words[2]]))
    assert ids.tolist() == [2, 3, 4, MISSING, MISSING]
