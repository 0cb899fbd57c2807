import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidText
from models.inference.scoring import score_row, score_rows, score_texts
from models.special_tokens import EOS, UNK
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.toy import Bigram

TOKENIZER = Tokenizer.train(TokenizerConfig(), ["a a a b b c\n"])  # a, b, c = 2, 3, 4
MODEL = Bigram.random(TOKENIZER.vocabulary_size)
START, NOTHING = EOS, TOKENIZER.vocabulary_size  # rows of the matrix
A, B, C = 2, 3, 4


def sliced(slice_tokens: int) -> Bigram:
    model = Bigram(np.exp(MODEL.matrix))
    model.chunk_tokens = slice_tokens  # type: ignore[misc]
    return model


def logprobs(*transitions: tuple[int, int]) -> list[float]:
    return [float(MODEL.matrix[before, token]) for before, token in transitions]


def score(texts: list[str], **options) -> list[list[float]]:
    return [
        text_score.logprobs.tolist()
        for text_score in run_to_completion(score_texts(MODEL, TOKENIZER, texts, **options))
    ]


def test_score_texts_scores_each_token_after_those_before_it():
    assert score(["a b"]) == [pytest.approx(logprobs((START, A), (A, B), (B, EOS)))]
    assert score(["a b"], eos=False) == [pytest.approx(logprobs((START, A), (A, B)))]
    assert score(["a b"], bos=False) == [pytest.approx(logprobs((NOTHING, A), (A, B), (B, EOS)))]


def test_score_texts_reads_a_context_and_does_not_score_it():
    assert score(["b"], context="a c") == [pytest.approx(logprobs((C, B), (B, EOS)))]
    assert score(["b"], context="a c", bos=False) == score(["b"], context="a c")  # a bigram forgets the start


def test_score_texts_takes_a_newline_for_the_boundary():
    assert score(["a\nb"], eos=False) == [pytest.approx(logprobs((START, A), (A, EOS), (EOS, B)))]


def test_score_texts_of_an_empty_text_is_its_end_or_nothing():
    assert score([""]) == [pytest.approx(logprobs((START, EOS)))]
    assert score([""], eos=False) == [[]]
    assert score([]) == []


def test_text_score_holds_tokens_ids_and_oov():
    controlled = Tokenizer(TokenizerConfig(control_tokens=True), TOKENIZER.vocabulary)
    (text_score,) = run_to_completion(score_texts(MODEL, controlled, ["A b <unk>"]))
    assert text_score.tokens(controlled) == ["A", "b", "<unk>", "</s>"]
    assert text_score.ids.tolist() == [UNK, B, UNK, EOS]
    assert text_score.oov.tolist() == [True, False, False, False]
    assert (text_score.token_count, text_score.oov_count) == (4, 1)
    assert text_score.logprob == pytest.approx(sum(logprobs((START, UNK), (UNK, B), (B, UNK), (UNK, EOS))))


def test_score_texts_refuses_text_that_is_not_unicode():
    with pytest.raises(InvalidText):
        score(["\ud800"])


Rows = st.lists(st.lists(st.integers(0, TOKENIZER.vocabulary_size - 1), max_size=40), max_size=12)


@given(Rows, st.integers(1, 50))
def test_score_rows_is_unchanged_by_batches_and_chunks(rows, slice_tokens):
    state = MODEL.advance(MODEL.begin_state(1), np.array([[A]]))
    work = score_rows(sliced(slice_tokens), state, [np.array(row, np.int32) for row in rows])
    expected = [logprobs(*zip([A, *row], row, strict=False)) for row in rows]
    assert [text_score.tolist() for text_score in run_to_completion(work)] == [pytest.approx(row) for row in expected]


@given(st.lists(st.integers(0, TOKENIZER.vocabulary_size - 1), max_size=40), st.integers(1, 50))
def test_score_row_carries_the_state_through_chunks(row, slice_tokens):
    scores, state = run_to_completion(score_row(sliced(slice_tokens), MODEL.begin_state(1), np.array(row, np.int32)))
    assert scores.tolist() == pytest.approx(logprobs(*zip([START, *row], row, strict=False)))
    assert state.tolist() == [START, *row][-1:]


@given(Rows, st.integers(1, 50))
def test_score_rows_yields_chunks_of_at_most_chunk_tokens(rows, slice_tokens):
    model = sliced(slice_tokens)
    sizes = list(score_rows(model, model.begin_state(1), [np.array(row, np.int32) for row in rows]))
    assert all(0 < size <= slice_tokens for size in sizes)
    assert sum(sizes) == sum(len(row) for row in rows)
