"""Forms are counted and placed as the pipeline cuts them, whoever of several threads reads what."""

from collections import Counter
from collections.abc import Iterator

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.special_tokens import SPECIAL_TOKENS
from models.tokenization.config import TokenizerConfig
from models.tokenization.pipeline import build_pipeline, surface_forms
from models.tokenization.trainer import WordCounter
from models.tokenization.word_tokenizer import WordTokenizer
from tests.helpers.tokenizers import CONFIGS, identity, texts

CHUNKS = st.lists(texts.map(lambda text: text + "\n"), max_size=5)


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("config", CONFIGS, ids=identity)
def test_counts_and_ids_equal_those_of_the_pipeline(config: TokenizerConfig) -> None:
    splitter = build_pipeline(config, SPECIAL_TOKENS)

    @settings(deadline=None, max_examples=50)
    @given(chunks=CHUNKS)
    @example(chunks=["a b\n\u4e2d a\na\n", "\u4e2d\u4e2d \u4e2d\n", "b\n"])
    def check(chunks: list[str]) -> None:
        census = WordCounter(WordTokenizer(config, SPECIAL_TOKENS), keep_ids=True).read(chunks)
        forms = [form for chunk in chunks for form in surface_forms(splitter, chunk)]
        counts, expected = census.counts(), Counter(forms)
        for counted in (expected, counts):
            for special in SPECIAL_TOKENS:  # of no use, and only one way counts newlines as such
                counted.pop(special, None)
        assert counts == expected
        vocabulary = [*SPECIAL_TOKENS, *sorted(counts)]
        ids = [i for piece in census.encode(vocabulary) for i in piece.tolist()]
        assert [vocabulary[i] for i in ids] == forms
        assert list(census.encode(vocabulary)) == []

    check()


@pytest.mark.usefixtures("threads")
def test_counting_goes_on_where_a_block_of_memory_is_full() -> None:
    words = [f"word{i}" for i in range(30_000)]  # more than a block of 64 KiB, in two lines and in one
    for text in ("\n".join(words), " ".join(words)):
        counts = WordCounter(WordTokenizer(CONFIGS[0], SPECIAL_TOKENS), keep_ids=False).read([text, text]).counts()
        assert {word: counts[word] for word in words} == dict.fromkeys(words, 2)
        assert counts.total() - counts["</s>"] == 2 * len(words)


@pytest.mark.usefixtures("threads")
def test_what_the_text_raises_is_raised() -> None:
    def text() -> Iterator[str]:
        yield "a\n"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        WordCounter(WordTokenizer(CONFIGS[0], SPECIAL_TOKENS), keep_ids=True).read(text())
