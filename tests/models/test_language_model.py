"""What every language model keeps to, whatever its family: a new one is a line in MODELS."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from models.checkpoint.load import load
from models.composite.cache import CacheModel
from models.composite.config import CacheConfig, NeuralCacheConfig
from models.composite.neural_cache import NeuralCacheModel
from models.errors import CheckpointDamaged
from models.inference.config import SamplingParams
from models.inference.generation import generate, make_sequences
from models.kernels.sampling import SamplingMetadata
from models.language_model import LanguageModel
from models.model import TokenIds
from models.neural.int8.model import Int8Model
from models.special_tokens import EOS
from models.state import State, concat, row_count, select, split
from tests.helpers.language_models import TOKENIZER, V, families, mixture, ngram, published, recurrent
from tests.helpers.toy import Bigram

MODELS: dict[str, Callable[[], LanguageModel]] = {
    "toy": lambda: Bigram.random(V),
    "unigram": lambda: ngram("kneser_ney", order=1),
    "mle": lambda: ngram("mle"),
    "add_delta": lambda: ngram("add_delta"),
    "backoff": lambda: ngram("backoff"),
    "kneser_ney": lambda: ngram("kneser_ney", order=5),
    "kneser_ney in 8 bits": lambda: ngram("kneser_ney", order=5, bits=8),
    **{name: lambda name=name: ngram(name) for name in ("katz", "absolute", "witten_bell", "jelinek_mercer")},
    "interpolated_kneser_ney": lambda: ngram("interpolated_kneser_ney"),
    "kneser_ney pruned": lambda: ngram("kneser_ney", prune=(0, 0, 1), prune_entropy=1e-4),
    "rnn tanh": lambda: recurrent("rnn"),
    "rnn relu": lambda: recurrent("rnn", "relu"),
    "lstm": lambda: recurrent("lstm"),
    "lstm in half precision": lambda: recurrent("lstm", storage="float16", hidden_size=6),
    "gru": lambda: recurrent("gru", tied=False),
    "feedforward": lambda: recurrent("feedforward", layers=1, window=3),
    "mixture": lambda: mixture((0.2, 0.5, 0.3), ngram("mle"), recurrent("lstm"), Bigram.random(V)),
    "mixture of n-grams": lambda: mixture((0.7, 0.3), ngram("mle"), ngram("kneser_ney")),
    "mixture in a mixture": lambda: mixture((0.6, 0.0, 0.4), MODELS["mixture"](), ngram("mle", 2), recurrent("gru")),
    "cache": lambda: CacheModel(CacheConfig(4, 0.2, 0.3), ngram("mle")),
    "cache over a network": lambda: CacheModel(CacheConfig(500, 0.3), recurrent("gru")),
    "neural cache": lambda: NeuralCacheModel(NeuralCacheConfig(4, 0.4, 2.0), recurrent("lstm")),
    "mixture of a cache": lambda: mixture((0.5, 0.5), MODELS["neural cache"](), ngram("mle")),
    "rnn relu in int8": lambda: recurrent("rnn", "relu", Int8Model, hidden_size=33),
    "lstm in int8": lambda: recurrent("lstm", family=Int8Model),
    "gru in int8": lambda: recurrent("gru", family=Int8Model, layers=1, hidden_size=7, tied=False),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> LanguageModel:
    return MODELS[request.param]()


def tokens(*shape: int, seed: int = 0) -> TokenIds:
    return np.random.default_rng(seed).integers(V, size=shape)


def leaves(state: State) -> list[np.ndarray]:
    return [leaf for part in state for leaf in leaves(part)] if isinstance(state, tuple) else [state]


def same(model: LanguageModel, left: State, right: State) -> None:
    """Two states lead to the same distributions, now and a token later."""
    rows = row_count(left)
    assert rows == row_count(right)
    close(model.logprobs(left), model.logprobs(right))
    later = tokens(rows, 1, seed=9)
    close(model.logprobs(model.advance(left, later)), model.logprobs(model.advance(right, later)))


def close(left: np.ndarray, right: np.ndarray) -> None:
    np.testing.assert_allclose(left, right, atol=1e-5, rtol=0)


def variety(model: LanguageModel) -> State:
    """States of many kinds: before and after the boundary, and after contexts of several lengths."""
    contexts = [model.advance(model.begin_state(3), tokens(3, length, seed=length)) for length in (1, 2, 3, 7)]
    return concat([model.null_state(1), model.begin_state(1), *contexts])


def test_logprobs_are_distributions(model):
    state = variety(model)
    rows = model.logprobs(state)
    assert rows.dtype == np.float32
    assert rows.shape == (row_count(state), V)
    assert not np.isnan(rows).any()
    within = 1e-3 if model.config().get("bits", 32) < 32 else 1e-5  # rounded numbers sum to one less exactly
    assert np.abs(np.exp(rows, dtype=np.float64).sum(-1) - 1).max() <= within


def test_topk_is_the_sorted_row(model):
    state = variety(model)
    rows = model.logprobs(state)
    ids = np.argsort(-rows, axis=-1, kind="stable")
    values = np.take_along_axis(rows, ids, -1)
    for k in (1, 3, V, V + 5):
        best, chosen = model.topk(state, k)
        close(best, values[:, :k])
        assert chosen.dtype == np.int64
        assert np.array_equal(chosen, ids[:, :k])


@pytest.mark.parametrize("pairs", [0, 3, 500])
def test_score_pairs_is_the_row(model, pairs):
    state = variety(model)
    rows = np.random.default_rng(pairs).integers(row_count(state), size=pairs)
    words = tokens(pairs, seed=pairs)
    scores = model.score_pairs(state, rows, words)
    assert scores.dtype == np.float32
    close(scores, model.logprobs(state)[rows, words])


Lengths = st.lists(st.integers(0, 9), min_size=1, max_size=5)
few = settings(max_examples=12)


@few
@given(lengths=Lengths, seed=st.integers(0, 99))
def test_score_is_the_loop(model, lengths, seed):
    state = model.advance(model.begin_state(len(lengths)), tokens(len(lengths), 2, seed=seed))
    read = tokens(len(lengths), max(lengths), seed=seed + 100)
    for limits in (None, np.array(lengths)):
        scores, after = model.score(state, read, limits)
        expected, expected_after = LanguageModel.score(model, state, read, limits)
        close(scores, expected)
        same(model, after, expected_after)


@few
@given(lengths=Lengths, seed=st.integers(0, 99))
def test_score_of_a_row_is_the_same_alone_and_in_a_batch(model, lengths, seed):
    read = tokens(len(lengths), max(lengths), seed=seed)
    batch = model.score(model.begin_state(len(lengths)), read, np.array(lengths))
    for row, length in enumerate(lengths):
        alone = model.score(model.begin_state(1), read[row : row + 1, :length])
        close(batch[0][row, :length], alone[0][0])
        assert (batch[0][row, length:] == 0).all()
        same(model, select(batch[1], [row]), alone[1])
    same(model, model.advance(model.begin_state(len(lengths)), read, np.array(lengths)), batch[1])


@few
@given(cut=st.integers(0, 12), seed=st.integers(0, 99))
def test_score_in_parts_is_score_at_once(model, cut, seed):
    read = tokens(2, 12, seed=seed)
    whole, after = model.score(model.begin_state(2), read)
    first, between = model.score(model.begin_state(2), read[:, :cut])
    rest, end = model.score(between, read[:, cut:])
    close(np.concatenate([first, rest], 1), whole)
    same(model, end, after)
    same(model, model.advance(model.advance(model.begin_state(2), read[:, :cut]), read[:, cut:]), after)


def test_concat_and_select_change_nothing_for_other_rows(model):
    states = [model.advance(model.begin_state(1), tokens(1, length, seed=length)) for length in (1, 4, 6)]
    order = [2, 0, 0, 1]
    together = select(concat(states), order)
    step = tokens(4, 3, seed=5)
    after = model.advance(together, step)
    for row, origin in enumerate(order):
        same(model, select(after, [row]), model.advance(states[origin], step[row : row + 1]))


def test_split_selects_rows_one_by_one_and_owns_its_memory(model):
    state = variety(model)
    parts = split(state)
    assert len(parts) == row_count(state)
    for row, part in enumerate(parts):
        for own, selected, whole in zip(*map(leaves, (part, select(state, [row]), state)), strict=True):
            assert np.array_equal(own, selected)
            assert own.dtype == whole.dtype
            assert not np.shares_memory(own, whole)


def test_advance_and_score_do_not_mutate_states(model):
    state = variety(model)
    before = [leaf.copy() for leaf in leaves(state)]
    read = tokens(row_count(state), 4)
    model.score(state, read)
    model.advance(state, read)
    model.advance(state, read, np.arange(row_count(state)) % 5)
    model.topk(state, 3)
    model.logprobs(state)[:] = 0
    model.explain(select(state, [4]))
    assert all(np.array_equal(leaf, copy) for leaf, copy in zip(leaves(state), before, strict=True))


def test_begin_state_is_fresh_however_it_is_used(model):
    expected = model.logprobs(model.begin_state(1)).copy()
    for leaf in [*leaves(model.begin_state(1)), *leaves(model.null_state(1))]:
        leaf.fill(0)
    model.logprobs(model.begin_state(1)).fill(0)
    assert np.array_equal(model.logprobs(model.begin_state(1)), expected)


def test_begin_state_has_read_the_boundary_and_nothing_else(model):
    same(model, model.advance(model.null_state(2), np.full((2, 1), EOS)), model.begin_state(2))


def test_resets_at_eos_means_that_the_boundary_leads_to_the_begin_state(model):
    if model.resets_at_eos:
        ended = np.concatenate([tokens(5, 6), np.full((5, 1), EOS)], 1)
        same(model, model.advance(model.begin_state(5), ended), model.begin_state(5))


def test_advance_by_nothing_leaves_a_state_as_it_is(model):
    state = variety(model)
    rows = row_count(state)
    same(model, model.advance(state, tokens(rows, 0)), state)
    same(model, model.advance(state, tokens(rows, 3), np.zeros(rows, np.int64)), state)
    scores, after = model.score(state, tokens(rows, 0))
    assert scores.shape == (rows, 0)
    same(model, after, state)


def test_save_and_load_give_the_same_model_bit_for_bit(model, tmp_path):
    entry = published(tmp_path, model)
    loaded = load(entry.path, families=families(model)).model
    assert type(loaded) is type(model)
    assert (loaded.kind, loaded.config(), loaded.parameter_count) == (model.kind, model.config(), model.parameter_count)
    stored = loaded.tensors()
    assert stored.keys() == model.tensors().keys()
    assert all(np.array_equal(tensor, stored[name]) for name, tensor in model.tensors().items())
    read = tokens(3, 5)
    assert np.array_equal(loaded.score(loaded.begin_state(3), read)[0], model.score(model.begin_state(3), read)[0])
    assert np.array_equal(loaded.logprobs(variety(loaded)), model.logprobs(variety(model)))


def test_from_tensors_refuses_tensors_that_do_not_hang_together(model):
    stored = model.tensors()
    for name, tensor in stored.items():
        rest = {other: rest_tensor for other, rest_tensor in stored.items() if other != name}
        other_type = tensor.astype(np.float64 if tensor.dtype.kind == "f" else np.float32)
        for changed in (None, tensor[:-1], tensor[None], np.concatenate([tensor, tensor[-1:]]), other_type):
            with pytest.raises(CheckpointDamaged):
                type(model).from_tensors(model.config(), rest if changed is None else {**rest, name: changed}, V)


def test_load_refuses_a_config_of_another_kind(model, tmp_path):
    entry = published(tmp_path, model)
    card = json.loads((entry.path / "card.json").read_text())
    (entry.path / "card.json").write_text(json.dumps({**card, "config": {"nonsense": 1}}))
    with pytest.raises(CheckpointDamaged, match=r"card\.json"):
        load(entry.path, families=families(model))


def test_generate_samples_by_the_models_distribution(model):
    params = SamplingParams(seed=8, max_tokens=1, allow_unk=True)
    drawn = make_sequences(TOKENIZER, "b d", params, n=2000)
    list(generate(model, drawn))
    counts = np.bincount([sequence.tokens[0] if sequence.tokens else EOS for sequence in drawn], minlength=V)
    prompt = np.array(drawn[0].prompt)[None]
    expected = np.exp(model.logprobs(model.advance(model.begin_state(1), prompt))[0], dtype=np.float64) * 2000
    possible = expected > 0
    assert counts[~possible].sum() == 0
    if possible.sum() > 1:
        assert chisquare(counts[possible], expected[possible] / expected.sum() * 2000).pvalue > 1e-4


def test_step_is_sample_and_advance(model):
    state = model.advance(model.begin_state(6), tokens(6, 3))
    numbers = np.random.default_rng(4)
    choice = SamplingMetadata(
        np.array([0, 0.5, 1] * 2, np.float32), numbers.random(6), numbers.random((6, 2)) < 0.5, {}
    )
    sampled, logprobs, after = model.step(state, choice)
    chosen, own = model.sample(state, choice)
    assert np.array_equal(sampled, chosen)
    assert np.allclose(logprobs, own, atol=1e-6)
    same(model, after, model.advance(state, chosen[:, None]))
    nothing, _, _ = model.step(
        model.begin_state(0), SamplingMetadata(*(np.zeros(n) for n in (0, 0)), np.zeros((0, 2), np.bool_), {})
    )
    assert len(nothing) == 0


def test_generate_gives_the_same_text_alone_and_in_company(model):
    def texts(count: int) -> list[Any]:
        kinds = [SamplingParams(seed=seed, max_tokens=5 + seed, ignore_end=seed % 2 > 0) for seed in range(count)]
        sequences = [make_sequences(TOKENIZER, "a b c d"[: 2 * i], params)[0] for i, params in enumerate(kinds)]
        list(generate(model, sequences))
        return sequences

    company = texts(8)
    for i, sequence in enumerate(texts(3)):
        assert sequence.tokens == company[i].tokens
        assert sequence.logprobs == pytest.approx(company[i].logprobs, abs=1e-5)
        assert sequence.finish_reason == company[i].finish_reason


PENALTIES = {"repetition_penalty": 1.3, "presence_penalty": 0.7, "frequency_penalty": 0.31}
BIAS = ((EOS, -100.0), (3, 1.17), (4, -0.6))


def naive_greedy(model, prompt, count):
    """Decode greedily without a batch: the most probable token after penalties and bias."""
    state, chosen = model.advance(model.begin_state(1), np.array([prompt])), []
    for _ in range(count):
        (raw,) = model.logprobs(state)
        values = raw.astype(np.float64)
        for token in range(V):
            times = [t for t, _, _ in chosen].count(token)
            values[token] *= PENALTIES["repetition_penalty"] if times or token in prompt else 1
            values[token] -= PENALTIES["presence_penalty"] * (times > 0) + PENALTIES["frequency_penalty"] * times
            values[token] += dict(BIAS).get(token, 0)
        values[[0, EOS]] = -np.inf
        token = int(values.argmax())
        if values[token] == -np.inf:
            break
        best = sorted(range(V), key=lambda i, raw=raw: (-raw[i], i))[:3]
        chosen.append((token, raw[token], [(i, raw[i]) for i in best]))
        state = model.advance(state, np.array([[token]]))
    return chosen


def test_generate_with_penalties_and_bias_equals_a_naive_loop(model):
    params = SamplingParams(temperature=0, max_tokens=9, logit_bias=BIAS, top_logprobs=3, **PENALTIES)
    (sequence,) = make_sequences(TOKENIZER, "b d d", params)
    list(generate(model, [sequence]))
    expected = naive_greedy(model, list(sequence.prompt), 9)
    assert sequence.tokens == [token for token, _, _ in expected]
    assert sequence.logprobs == pytest.approx([logprob for _, logprob, _ in expected], abs=1e-5)
    for best, (_, _, told) in zip(sequence.alternatives, expected, strict=True):
        assert [logprob for _, logprob in best] == pytest.approx([logprob for _, logprob in told], abs=1e-5)
    for token, logprob, best in zip(sequence.tokens, sequence.logprobs, sequence.alternatives, strict=True):
        assert dict(best).get(token, logprob) == logprob  # to the last bit


def test_generate_with_penalties_gives_the_same_text_alone_and_in_company(model):
    def texts(seeds: range) -> list[Any]:
        """Generate plain texts (a third), and texts with alternatives (half), as many as the seed."""
        sequences = []
        for i in seeds:
            told = {"top_logprobs": i % 2 * i, "sampling_probabilities": i % 4 > 1}
            params = SamplingParams(seed=i, max_tokens=6 + i, top_k=i % 4, **told)
            params = replace(params, logit_bias=BIAS, **PENALTIES) if i % 3 else params
            sequences += make_sequences(TOKENIZER, "a b c d"[: 2 * i], params)
        list(generate(model, sequences))
        return sequences

    to_the_bit = model.precision == "int8" or model.runs_inline
    company = texts(range(8))
    for i in range(8):
        (alone,) = texts(range(i, i + 1))
        assert alone.tokens == company[i].tokens
        assert alone.finish_reason == company[i].finish_reason
        assert alone.logprobs == pytest.approx(company[i].logprobs, abs=0 if to_the_bit else 1e-5)
        assert [len(best) for best in alone.alternatives] == [i % 2 * i] * (i % 2 * len(alone.tokens))
        assert [len(drawn) for drawn in alone.sampling_probabilities] == [1 + i % 2 * i] * (i % 4 > 1) * len(
            alone.tokens
        )
        for drawn, others in zip(alone.sampling_probabilities, company[i].sampling_probabilities, strict=True):
            assert drawn == pytest.approx(others, abs=0 if to_the_bit else 1e-4)
        assert (alone.end is None) == (alone.finish_reason != "end")
        if to_the_bit:
            assert (alone.alternatives, alone.end) == (company[i].alternatives, company[i].end)


def test_generate_tells_alternatives_without_changing_the_text(model):
    params = SamplingParams(seed=3, max_tokens=12)
    plain, told = (make_sequences(TOKENIZER, "a", p, n=4) for p in (params, replace(params, top_logprobs=4)))
    list(generate(model, plain))
    list(generate(model, told))
    for left, right in zip(plain, told, strict=True):
        assert (left.tokens, left.finish_reason) == (right.tokens, right.finish_reason)
        assert left.logprobs == pytest.approx(right.logprobs, abs=1e-5)
        assert left.alternatives == []


def test_config_and_explanation_are_json(model):
    state = model.advance(model.begin_state(1), tokens(1, 3))
    assert json.loads(json.dumps(model.config(), allow_nan=False)) == model.config()
    json.dumps(model.explain(state), allow_nan=False)
    assert model.parameter_count > 0
    assert model.vocabulary_size == V


@few
@given(context=st.lists(st.integers(0, V - 1), max_size=6), ids=st.lists(st.integers(0, V - 1), max_size=6))
def test_topk_after_and_score_after_are_advance_then_topk_and_score(model, context, ids):
    for bos in (True, False):
        state = model.advance(model.initial_state(1, bos=bos), np.array([context], np.int64))
        for answer, expected in zip(model.topk_after(context, 3, bos=bos), model.topk(state, 3), strict=True):
            close(answer, expected[0])
        close(model.score_after(context, ids, bos=bos), model.score(state, np.array([ids], np.int64))[0][0])


def test_initial_state_is_the_same_for_each_row_and_is_a_distribution(model):
    for bos in (True, False):
        rows = model.logprobs(model.initial_state(3, bos=bos))
        close(rows, np.repeat(model.logprobs(model.initial_state(1, bos=bos)), 3, 0))
        assert np.abs(np.exp(rows, dtype=np.float64).sum(-1) - 1).max() <= 1e-3
    same(model, model.initial_state(2, bos=True), model.begin_state(2))


def test_explain_reading_is_json_and_leaves_the_state_as_it_is(model):
    state = model.advance(model.begin_state(1), tokens(1, 3))
    before = [leaf.copy() for leaf in leaves(state)]
    for length in (0, 4):
        read = tokens(1, length, seed=length)
        explanation = json.loads(json.dumps(model.explain_reading(state, read), allow_nan=False))
        if "tokens" in explanation:
            assert [part["token"] for part in explanation["tokens"]] == read[0].tolist()
        elif "remembered" not in explanation and "members" not in explanation:
            assert explanation == json.loads(json.dumps(model.explain(model.advance(state, read))))
    assert all(np.array_equal(leaf, copy) for leaf, copy in zip(leaves(state), before, strict=True))


def test_warm_up_changes_no_answer(model):
    before = model.logprobs(variety(model))
    model.warm_up()
    assert np.array_equal(model.logprobs(variety(model)), before)
