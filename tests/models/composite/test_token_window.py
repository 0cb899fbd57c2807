"""What a cache remembers: the last tokens, none of the boundaries before any word."""

import pytest
import torch

from models.composite.config import check_cache_fields
from models.composite.token_window import EMPTY_SLOT, empty_window, mask_leading_eos, mix_logprobs, slide_window
from models.errors import InvalidInput
from models.special_tokens import EOS


def test_the_last_tokens_are_remembered_however_many_each_row_reads():
    before, read = torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([[7, 8], [9, 0]])
    assert slide_window(before, read, None).tolist() == [[3, 7, 8], [6, 9, 0]]
    assert slide_window(before, read, torch.tensor([0, 1])).tolist() == [[1, 2, 3], [5, 6, 9]]
    assert slide_window(before, torch.arange(8).repeat(2, 1), None).tolist() == [[5, 6, 7]] * 2


def test_vectors_are_remembered_as_tokens_are():
    before, read = torch.zeros(1, 2, 3), torch.ones(1, 2, 3)
    assert slide_window(before, read, torch.tensor([1])).sum(-1).tolist() == [[0, 3]]


def test_boundaries_before_any_word_are_not_remembered():
    tokens = torch.tensor([[EOS, EOS, 5, EOS, 6]])
    assert mask_leading_eos(torch.from_numpy(empty_window(1, 3)), tokens).tolist() == [
        [EMPTY_SLOT, EMPTY_SLOT, 5, EOS, 6]
    ]
    assert mask_leading_eos(torch.tensor([[EMPTY_SLOT, EMPTY_SLOT, 7]]), tokens).tolist() == tokens.tolist()


def test_what_is_impossible_to_both_stays_impossible():
    # 0.9 * 1/2 + 0.05 = 0.5
    logprobs, cached = torch.tensor([0.5, 0.0]).log(), torch.tensor([0.05, 0.0])
    assert mix_logprobs(logprobs, torch.full((2,), 0.9), cached).exp().tolist() == pytest.approx([0.5, 0.0])


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
def test_what_no_cache_can_have_is_refused_by_name(window, weights, field):
    with pytest.raises(InvalidInput) as error:
        check_cache_fields(window, **weights)
    assert error.value.field == field
