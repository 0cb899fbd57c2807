"""Rows read together, in slices and from prefixes known before: the states are those of reading each at once."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.inference.prefill import (
    CACHE_BLOCK_TOKENS,
    PromptPrefill,
    Runtime,
    prefill,
    prefill_chunk,
    prefill_prompts,
    unfinished,
)
from models.inference.prefix_cache import PrefixCache
from models.inference.scoring import score_texts
from models.language_model import LanguageModel
from models.neural.config import RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.model import RecurrentModel
from models.neural.network import Network
from models.neural.training.initialization import initialize
from models.state import select
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import concat_rows
from models.utils.progress import run_to_completion
from tests.helpers.language_models import arrays

LETTERS = Tokenizer.train(TokenizerConfig(), ["a b c d e f g h\n"])
V = LETTERS.vocabulary_size


def model(family: type[RecurrentModel], kind: str = "lstm") -> RecurrentModel:
    config = RecurrentConfig(kind, layers=2, embedding_size=6, hidden_size=8)
    network = Network(config, V)
    initialize(network, "uniform", 0.8, np.ones(V, np.int64), torch.Generator().manual_seed(2))
    return family(config, arrays(network), V)


MODELS = [model(RecurrentModel), model(Int8Model), model(Int8Model, "gru")]


def expected(of: LanguageModel, ids: np.ndarray, *, bos: bool) -> list[np.ndarray]:
    state = of.initial_state(1, bos=bos)
    return list(of.advance(state, ids.astype(np.int64)[None])) if len(ids) else list(state)


def assert_same(of: LanguageModel, states: object, expected_states: list[np.ndarray]) -> None:
    for left, right in zip(states, expected_states, strict=True):
        # In int8 every bit is the same however a row is read.
        assert np.array_equal(left, right) if isinstance(of, Int8Model) else np.allclose(left, right, atol=1e-5)


rows = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(
            [0, 1, 5, CACHE_BLOCK_TOKENS - 1, CACHE_BLOCK_TOKENS, CACHE_BLOCK_TOKENS + 3, 3 * CACHE_BLOCK_TOKENS]
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("of", MODELS, ids=lambda m: f"{m.kind} {m.precision}")
@given(st.lists(rows, min_size=1, max_size=4), st.sampled_from([1, 7, 64, 1000]), st.sampled_from([0, 9_000, 10**7]))
def test_prefill_prompts_gives_the_same_state_however_a_row_is_read(of, groups, slice_tokens, capacity):
    runtime = Runtime(slice_tokens, PrefixCache(capacity))
    texts = np.random.default_rng(1).integers(2, V, (4, 3 * CACHE_BLOCK_TOKENS)).astype(np.int32)
    texts[1, : CACHE_BLOCK_TOKENS + 2] = texts[0, : CACHE_BLOCK_TOKENS + 2]  # two that have a beginning in common
    for group in groups:
        prompts = [PromptPrefill(of, texts[text, :length], runtime, bos=bos) for text, length, bos in group]
        run_to_completion(prefill_prompts(of, prompts, runtime))
        for row, (text, length, bos) in zip(prompts, group, strict=True):
            assert_same(of, row.state, expected(of, texts[text, :length], bos=bos))


def test_prompt_prefill_does_not_read_a_cached_prefix_again():
    of = model(Int8Model)
    cache = PrefixCache(10**7)
    runtime = Runtime(50, cache)
    text = np.arange(300, dtype=np.int32) % (V - 2) + 2
    sizes = list(prefill_prompts(of, [PromptPrefill(of, text[:200], runtime)], runtime))
    assert sum(sizes) == 200
    assert max(sizes) <= 50
    longer = PromptPrefill(of, text, runtime)
    assert (longer.cached_tokens, sum(prefill_prompts(of, [longer], runtime))) == (200, 100)
    other = PromptPrefill(of, np.append(text[:150], text[:9]), runtime)
    assert (other.cached_tokens, sum(prefill_prompts(of, [other], runtime))) == (
        CACHE_BLOCK_TOKENS * (150 // CACHE_BLOCK_TOKENS),
        159 - CACHE_BLOCK_TOKENS * (150 // CACHE_BLOCK_TOKENS),
    )
    assert PromptPrefill(of, text, runtime, bos=False).cached_tokens == 0
    assert (cache.hits, cache.misses) == (2, 2)


def test_prefill_chunk_reads_a_prompt_once_and_a_finished_one_not_at_all():
    of = model(Int8Model)
    runtime = Runtime.default_for(of)
    row, nothing = (PromptPrefill(of, np.array(ids, np.int32), runtime) for ids in ([2, 3, 4], []))
    assert unfinished([row, nothing, row]) == [row]
    assert prefill_chunk(of, [row], runtime) == 3
    assert unfinished([row, nothing]) == []


@pytest.mark.parametrize("of", MODELS, ids=lambda m: f"{m.kind} {m.precision}")
def test_prefill_of_contexts_goes_through_the_prefix_cache(of):
    plain = run_to_completion(score_texts(of, LETTERS, ["c d", "e"], context="a b"))
    contexts = [LETTERS.encode(text).ids for text in ("a b", "a b c d", "")]
    apart = [of.advance(of.begin_state(1), ids[None].astype(np.int64)) for ids in contexts]
    cache = PrefixCache(10**6)
    runtime = Runtime(of.chunk_tokens, cache)
    for _ in range(2):
        cached = run_to_completion(score_texts(of, LETTERS, ["c d", "e"], context="a b", runtime=runtime))
        assert [score.logprob for score in cached] == pytest.approx([score.logprob for score in plain], abs=1e-5)
        together = run_to_completion(prefill(of, *concat_rows(contexts), runtime))
        for i, state in enumerate(apart):
            assert_same(of, [part[i : i + 1] for part in together], list(state))
    assert cache.hits == 5  # all but the first reading of "a b"; "a b c d" begins with it


def test_prefill_of_a_batch_reads_a_long_row_before_short_ones():
    of, lengths = model(Int8Model), [300, 2, 0, 1]
    texts = [np.arange(length, dtype=np.int32) % (V - 2) + 2 for length in lengths]
    state = run_to_completion(prefill(of, np.concatenate(texts), np.cumsum(lengths), Runtime(64)))
    for row, text in enumerate(texts):
        assert_same(of, select(state, [row]), expected(of, text, bos=True))
