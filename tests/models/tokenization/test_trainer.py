"""Training of tokenizers: words are counted on any number of threads, and vocabularies are ordered."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput, TrainingFailed
from models.special_tokens import SPECIAL_TOKENS
from models.threads import set_thread_count, thread_count
from models.tokenization.config import TokenizerConfig
from models.tokenization.definition.pipeline import build_pipeline, surface_forms
from models.tokenization.tokenizer import Tokenizer
from models.tokenization.trainer import WordCounter
from models.tokenization.words.word_tokenizer import WordTokenizer
from tests.helpers.tokenizers import CONFIGS, identity, texts, train

CHUNKS = st.lists(texts.map(lambda text: text + "\n"), max_size=5)


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = thread_count()
    set_thread_count(request.param)
    yield
    set_thread_count(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("config", CONFIGS, ids=identity)
def test_word_counter_counts_and_encodes_as_the_pipeline_does(config: TokenizerConfig) -> None:
    pipeline = build_pipeline(config, SPECIAL_TOKENS)

    @settings(deadline=None, max_examples=50)
    @given(chunks=CHUNKS)
    @example(chunks=["a b\n\u4e2d a\na\n", "\u4e2d\u4e2d \u4e2d\n", "b\n"])
    def check(chunks: list[str]) -> None:
        counter = WordCounter(config, keep_ids=True).read(chunks)
        forms = [form for chunk in chunks for form in surface_forms(pipeline, chunk)]
        counts, expected = counter.counts(), Counter(forms)
        for counted in (expected, counts):
            for special in SPECIAL_TOKENS:  # not needed, and only one of the two counts newlines
                counted.pop(special, None)
        assert counts == expected
        vocabulary = [*SPECIAL_TOKENS, *sorted(counts)]
        ids = [i for piece in counter.encode(vocabulary) for i in piece.tolist()]
        words = WordTokenizer(config, vocabulary)
        assert ids == [i for chunk in chunks for i in words.encode(chunk).tolist()]
        assert list(counter.encode(vocabulary)) == []

    check()


@pytest.mark.usefixtures("threads")
def test_word_counter_goes_on_where_a_block_of_memory_is_full() -> None:
    words = [f"word{i}" for i in range(30_000)]  # more than a block of 64 KiB, in two lines and in one
    for text in ("\n".join(words), " ".join(words)):
        counts = WordCounter(CONFIGS[0], keep_ids=False).read([text, text]).counts()
        assert {word: counts[word] for word in words} == dict.fromkeys(words, 2)
        assert counts.total() - counts["</s>"] == 2 * len(words)


@pytest.mark.usefixtures("threads")
def test_word_counter_raises_what_the_text_raises() -> None:
    def text() -> Iterator[str]:
        yield "a\n"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        WordCounter(CONFIGS[0], keep_ids=True).read(text())


def test_vocabulary_is_sorted_by_count_and_then_by_token() -> None:
    assert train().vocabulary == ["<unk>", "</s>", "the", ".", "cat", ",", "and", "dog", "sat"]


def test_vocabulary_has_a_largest_size_specials_included() -> None:
    assert train(max_size=4).vocabulary == ["<unk>", "</s>", "the", "."]
    assert train(max_size=100).vocabulary_size == 9


@pytest.mark.parametrize("text", ["", "\n \n", "<unk> </s>\n"])
def test_vocabulary_cannot_come_of_no_words(text: str) -> None:
    for fields in ({"rules": 1}, {"control_tokens": True}, {"pretokenized": True}):
        with pytest.raises(TrainingFailed, match="no token"):
            train(text, **fields)


def test_vocabulary_holds_typed_control_tokens_as_text() -> None:
    assert train("<unk> </s>\n").vocabulary == ["<unk>", "</s>", "<", ">", "/", "s", "unk"]
    assert train("<s> a </s> <unk>\n", pretokenized=True).vocabulary == ["<unk>", "</s>", "a"]


@pytest.mark.parametrize(
    ("kind", "vocabulary"),
    [("word", ["a", "b"]), ("word", ["<unk>", "</s>", "a", "a"]), ("character", ["<unk>", "</s>", "ab"])],
)
def test_vocabulary_that_does_not_fit_is_refused(kind: Any, vocabulary: list[str]) -> None:
    with pytest.raises(InvalidInput, match="vocabulary"):
        Tokenizer(TokenizerConfig(kind=kind), vocabulary)


def test_vocabulary_counts_are_those_of_the_surface_forms() -> None:
    text = "it's IT's it\u2019s \u4e2d it's \u4e2d\nis is it\n"
    tokenizer = train(text, lowercase=True)
    counts = Counter(tokenizer.surface_forms(text))
    del counts["</s>"]
    assert tokenizer.vocabulary[2:] == sorted(counts, key=lambda token: (-counts[token], token))
