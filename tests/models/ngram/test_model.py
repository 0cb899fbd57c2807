"""NgramModel through the language model interface, and its config."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import CheckpointDamaged, InvalidInput
from models.language_model import LanguageModel
from models.ngram.config import NgramConfig, Smoothing
from models.ngram.model import NgramModel
from models.state import concat, select
from tests.helpers.estimation import LINES as LINES_OF_WORDS
from tests.helpers.estimation import SMOOTHINGS, estimate_model

SIZE = 40
LINES = np.random.default_rng(1).integers(2, 25, (50, 14)).tolist()
TOKENS = np.random.default_rng(2).integers(0, SIZE, (4, 11))
TOKENS[0, :11] = np.array(LINES[0][:11])


def model(smoothing: Smoothing = "kneser_ney", order: int = 4) -> NgramModel:
    return estimate_model(LINES, NgramConfig(order, smoothing), SIZE)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_ngram_model_score_is_the_loop_over_logprobs_and_advance(smoothing: Smoothing, order: int) -> None:
    subject = model(smoothing, order)
    lengths = np.array([11, 0, 3, 7])
    scores, state = subject.score(subject.begin_state(4), TOKENS, lengths)
    looped, looped_state = LanguageModel.score(subject, subject.begin_state(4), TOKENS, lengths)
    assert np.array_equal(scores, looped)
    assert np.array_equal(state, looped_state)
    assert np.array_equal(state, subject.advance(subject.begin_state(4), TOKENS, lengths))


def test_ngram_model_scores_a_text_in_slices_as_at_once() -> None:
    subject = model()
    flat = np.array([i for line in LINES for i in (*line, 1)], np.int32)
    whole, end = subject.score_ids(subject.begin_state(1), flat)
    first, middle = subject.score_ids(subject.begin_state(1), flat[:100])
    second, again = subject.score_ids(middle, flat[100:])
    assert np.array_equal(whole, np.concatenate([first, second]))
    assert np.array_equal(end, again)


def test_ngram_model_scores_lines_alone_as_in_one_row() -> None:
    subject = model()
    flat = np.array([i for line in LINES for i in (*line, 1)], np.int32)
    whole, _ = subject.score_ids(subject.begin_state(1), flat)
    alone = [subject.score_ids(subject.begin_state(1), np.array([*line, 1]))[0] for line in LINES]
    assert np.array_equal(whole, np.concatenate(alone))


def test_ngram_model_rows_are_alone_what_they_are_in_company() -> None:
    subject = model()
    state = subject.advance(subject.begin_state(4), TOKENS)
    alone = [subject.advance(subject.begin_state(1), TOKENS[i : i + 1]) for i in range(4)]
    assert np.array_equal(state, concat(alone))
    assert np.array_equal(subject.logprobs(state)[2:3], subject.logprobs(select(state, [2])))


def test_ngram_model_accepts_no_rows_and_no_tokens() -> None:
    subject = model()
    assert subject.logprobs(subject.begin_state(0)).shape == (0, SIZE)
    assert subject.advance(subject.begin_state(0), np.zeros((0, 3), np.int64)).shape == (0, 3)
    assert subject.advance(subject.begin_state(0), np.zeros((0, 3), np.int64)).dtype == np.int64
    state = subject.begin_state(2)
    assert np.array_equal(subject.advance(state, np.zeros((2, 0), np.int64)), state)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_ngram_model_topk_is_the_head_of_the_sorted_row(smoothing: Smoothing) -> None:
    subject = model(smoothing)
    state = subject.advance(subject.begin_state(4), TOKENS)
    for k in (0, 1, 5, SIZE, SIZE + 5):
        values, ids = subject.topk(state, k)
        expected, expected_ids = LanguageModel.topk(subject, state, k)
        assert np.array_equal(values, expected)
        assert np.array_equal(ids, expected_ids)


def test_ngram_model_null_state_has_the_unigrams() -> None:
    subject = estimate_model([[2, 2, 3]], NgramConfig(2, "mle"), 5)
    assert np.exp(subject.logprobs(subject.null_state(1)))[0].tolist() == pytest.approx([0, 1 / 4, 2 / 4, 1 / 4, 0])


@pytest.mark.parametrize("token", [-1, SIZE])
def test_ngram_model_refuses_ids_outside_the_vocabulary(token: int) -> None:
    subject = model()
    with pytest.raises(InvalidInput, match="0 to 39"):
        subject.score(subject.begin_state(1), np.array([[2, token, 3, 4, 5, 6]]))
    with pytest.raises(InvalidInput, match="0 to 39"):
        subject.advance(subject.begin_state(1), np.array([[2, token, 3, 4, 5, 6]]))


def test_ngram_model_explain_walks_the_back_off_path() -> None:
    subject = estimate_model([[2, 3, 4], [3, 4], [3, 2]], NgramConfig(3), 6)
    state = subject.advance(subject.begin_state(1), np.array([[2, 3]]))
    explained = subject.explain(state)
    assert (explained["matched_order"], explained["context"]) == (3, [2, 3])
    assert [part["context"] for part in explained["backoff"]] == [[2, 3], [3], []]
    assert [part["listed"] for part in explained["backoff"]] == [1, 2, 6]
    weight = math.prod(part["weight"] for part in explained["backoff"][:2])
    row, unigrams = np.exp(subject.logprobs(state)[0]), np.exp(subject.logprobs(subject.null_state(1))[0])
    assert row[5] == pytest.approx(weight * unigrams[5])


def test_ngram_model_explain_is_json_even_where_nothing_is_passed_on() -> None:
    explained = estimate_model([[2, 3]], NgramConfig(2, "mle"), 5).explain(np.array([[2]]))
    assert explained["backoff"][0]["weight"] == 0.0


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_ngram_model_from_tensors_is_bit_equal_and_shares_memory(smoothing: Smoothing) -> None:
    subject = model(smoothing)
    tensors = subject.tensors()
    again = NgramModel.from_tensors(subject.config(), tensors, SIZE)
    state = subject.advance(subject.begin_state(4), TOKENS)
    assert np.array_equal(again.logprobs(state), subject.logprobs(state))
    assert again.config() == subject.config()
    assert np.shares_memory(again.tensors()["data"], tensors["data"])


@pytest.mark.parametrize("change", [{"order": 3}, {"order": "4"}, {"smoothing": "magic"}, {"colour": 1}, {"prune": 3}])
def test_ngram_model_from_tensors_refuses_a_config_that_does_not_fit(change: dict[str, Any]) -> None:
    subject = model()
    with pytest.raises(CheckpointDamaged, match="n-gram"):
        NgramModel.from_tensors(subject.config() | change, subject.tensors(), SIZE)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("order", {"order": 0}),
        ("order", {"order": 33}),
        ("order", {"order": True}),
        ("smoothing", {"smoothing": "laplace"}),
        ("delta", {"delta": 0.0}),
        ("delta", {"delta": math.nan}),
        ("prune", {"prune": (1,)}),
        ("prune", {"prune": (0, 2, 1)}),
        ("prune", {"prune": (0, 0, 0), "order": 2}),
        ("prune", {"prune": (0, -1)}),
        ("prune", {"prune": (0, 1), "smoothing": "mle"}),
    ],
)
def test_ngram_config_refuses_unacceptable_values(field: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as error:
        NgramConfig(**arguments)
    assert error.value.field == field


def test_ngram_config_last_threshold_holds_for_all_higher_orders() -> None:
    assert NgramConfig(5, prune=(0, 1, 2)).thresholds == (0, 1, 2, 2, 2)
    assert NgramConfig(3).thresholds == (0, 0, 0)
    assert NgramConfig(3, prune=[0, 1]).thresholds == (0, 1, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("token", [-1, SIZE])
def test_topk_after_and_score_after_refuse_ids_outside_the_vocabulary(token: int) -> None:
    subject = model()
    with pytest.raises(InvalidInput, match="tokens"):
        subject.topk_after([token], 1)
    with pytest.raises(InvalidInput, match="tokens"):
        subject.score_after([], [token])


@settings(max_examples=60, deadline=None)
@given(LINES_OF_WORDS, st.integers(1, 4), st.lists(st.sampled_from([0, 1, 2, 3, 4]), max_size=9), st.booleans())
def test_ngram_model_undefined_contexts_never_occur(
    lines: list[list[int]], order: int, words: list[int], bos: bool
) -> None:
    subject = estimate_model(lines, NgramConfig(order, "mle"), 5)
    contexts = {tuple([1, *line][i:j]) for line in lines for j in range(len(line) + 2) for i in range(j + 1)}
    read = [1, *words] if bos else words
    expected = []
    for t in range(bos, len(read)):
        since = max([i for i in range(t) if read[i] == 1], default=0)
        context = tuple(read[since:t][max(0, t - since - order + 1) :]) if order > 1 else ()
        expected.append(context not in contexts)
    state = subject.initial_state(1, bos=bos)
    assert subject.undefined_contexts(state, np.array([words], np.int64).reshape(1, -1))[0].tolist() == expected
    for t in range(len(words)):
        state_then = subject.advance(state, np.array([words[:t]], np.int64).reshape(1, -1))
        assert subject.explain(state_then)["undefined_context"] == expected[t]


def test_ngram_model_undefined_contexts_are_those_of_relative_frequencies_alone() -> None:
    subject = model("kneser_ney")
    assert not subject.has_undefined_contexts
    assert not subject.undefined_contexts(subject.begin_state(2), TOKENS[:2]).any()


@settings(max_examples=60, deadline=None)
@given(LINES_OF_WORDS, st.integers(1, 4), st.lists(st.sampled_from([0, 1, 2, 3, 4]), max_size=9), st.booleans())
def test_ngram_model_matched_orders_are_the_longest_that_occur(
    lines: list[list[int]], order: int, words: list[int], bos: bool
) -> None:
    subject = estimate_model(lines, NgramConfig(order, "kneser_ney"), 5)
    texts = [[1, *line, 1] for line in lines]
    listed = {tuple(text[i:j]) for text in texts for j in range(len(text) + 1) for i in range(j)}
    read = [1, *words] if bos else words
    expected = []
    for t in range(bos, len(read)):
        since = max([i for i in range(t) if read[i] == 1], default=0)
        ends = [tuple(read[i : t + 1]) for i in range(max(since, t - order + 1), t + 1)]
        expected.append(max((len(gram) for gram in ends if gram in listed), default=1))  # every word is a unigram
    state = subject.initial_state(1, bos=bos)
    assert subject.matched_orders(state, np.array([words], np.int64).reshape(1, -1))[0].tolist() == expected
