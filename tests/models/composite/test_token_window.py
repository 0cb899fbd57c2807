"""What a cache remembers: the last tokens, none of the boundaries before any word."""

import math

import numpy as np
import pytest

from models.composite.config import check_cache_fields
from models.composite.token_window import EMPTY_SLOT, empty_window, mask_leading_eos, mix_logprobs, slide_window
from models.errors import InvalidInput
from models.special_tokens import EOS


def test_slide_window_keeps_the_last_tokens_however_many_each_row_reads():
    before, read = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[7, 8], [9, 0]])
    assert slide_window(before, read, None).tolist() == [[3, 7, 8], [6, 9, 0]]
    assert slide_window(before, read, np.array([0, 1])).tolist() == [[1, 2, 3], [5, 6, 9]]
    assert slide_window(before, np.tile(np.arange(8), (2, 1)), None).tolist() == [[5, 6, 7]] * 2


def test_slide_window_keeps_vectors_as_tokens():
    before, read = np.zeros((1, 2, 3)), np.ones((1, 2, 3))
    assert slide_window(before, read, np.array([1])).sum(-1).tolist() == [[0, 3]]


def test_mask_leading_eos_masks_boundaries_before_any_word():
    tokens = np.array([[EOS, EOS, 5, EOS, 6]])
    assert mask_leading_eos(empty_window(1, 3), tokens).tolist() == [[EMPTY_SLOT, EMPTY_SLOT, 5, EOS, 6]]
    assert mask_leading_eos(np.array([[EMPTY_SLOT, EMPTY_SLOT, 7]]), tokens).tolist() == tokens.tolist()


def test_mix_logprobs_keeps_impossible_what_is_impossible_to_both():
    # 0.9 * 1/2 + 0.05 = 0.5
    logprobs, cached = np.array([math.log(0.5), -math.inf]), np.array([0.05, 0.0])
    assert np.exp(mix_logprobs(logprobs, np.full((2,), 0.9), cached)).tolist() == pytest.approx([0.5, 0.0])


@pytest.mark.parametrize(
    ("window", "weights", "field"),
    [
        (0, {}, "window"),
        (1.5, {}, "window"),
        (10**6, {}, "window"),
        (5, {"weight": 1.5}, "weight"),
        (5, {"weight": 0.6, "bigram_weight": 0.6}, "weight"),
        (5, {"theta": float("nan")}, "theta"),
    ],
)
def test_cache_config_names_a_bad_field(window, weights, field):
    with pytest.raises(InvalidInput) as error:
        check_cache_fields(window, **weights)
    assert error.value.field == field
