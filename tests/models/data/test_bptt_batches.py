"""BPTT streams over a text whose every position can be read from its token."""

import numpy as np
import pytest
import torch

from models.data.bptt_batches import BpttStreams
from models.special_tokens import EOS


def text(lines: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Lines of the given lengths, `</s>` included, whose other tokens are 10 plus their position."""
    tokens = np.arange(10, 10 + sum(lines))
    tokens[np.cumsum(lines) - 1] = EOS
    return tokens


def random() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def test_bptt_batches_of_a_row_continue_round_the_text() -> None:
    tokens = text([5, 3, 4])
    streams = BpttStreams(tokens, 1)
    batches = [streams.next_batch(4, 0.0, random()) for _ in range(4)]
    targets = torch.cat([batch.targets[0] for batch in batches]).tolist()
    inputs = torch.cat([batch.inputs[0] for batch in batches]).tolist()
    assert targets == [*tokens, *tokens[:4]]
    assert inputs == [EOS, *targets[:-1]]


def test_bptt_rows_begin_at_the_line_starts_before_equal_distances() -> None:
    streams = BpttStreams(text([3, 4, 4, 1]), 3)  # distances 0, 4, 8; lines start at 0, 3, 7, 11
    batch = streams.next_batch(2, 0.0, random())
    assert batch.targets.tolist() == [[10, 11], [13, 14], [17, 18]]
    assert batch.reset.all()


def test_bptt_rows_within_one_long_line_do_not_read_the_same() -> None:
    batch = BpttStreams(text([40]), 4).next_batch(2, 0.0, random())
    assert batch.targets.tolist() == [[10, 11], [20, 21], [30, 31], [40, 41]]


def test_bptt_rows_are_reset_in_the_first_batch_only_at_rate_zero() -> None:
    streams = BpttStreams(text([5, 3, 4]), 2)
    assert [bool(streams.next_batch(3, 0.0, random()).reset.any()) for _ in range(5)] == [True] + [False] * 4


def test_bptt_row_that_is_reset_reads_its_line_from_the_boundary_on() -> None:
    streams = BpttStreams(text([5, 3, 4]), 1)
    streams.next_batch(7, 0.0, random())
    batch = streams.next_batch(4, 1.0, random())  # the next token was that at 7, the end of the line 5, 6, 7
    assert batch.reset.tolist() == [True]
    assert batch.inputs.tolist() == [[EOS, 15, 16, EOS]]
    assert batch.targets.tolist() == [[15, 16, EOS, 18]]


def test_bptt_row_deep_in_a_line_longer_than_the_batch_goes_on() -> None:
    streams = BpttStreams(text([20, 3]), 1)
    streams.next_batch(6, 0.0, random())
    batch = streams.next_batch(6, 1.0, random())
    assert not batch.reset.any()
    assert batch.targets[0, 0] == 16


def test_bptt_resets_happen_at_their_rate() -> None:
    streams, generator = BpttStreams(text([4] * 100), 50), random()
    streams.next_batch(4, 0.0, generator)
    shares = [streams.next_batch(4, 0.3, generator).reset.float().mean().item() for _ in range(40)]
    # 2000 draws: within four standard deviations, 4 sqrt(0.3 0.7 / 2000) = 0.041
    assert np.mean(shares) == pytest.approx(0.3, abs=0.041)


def test_bptt_text_starts_can_be_given_where_the_text_has_no_boundaries() -> None:
    streams = BpttStreams(np.arange(10, 30), 1, text_starts=np.array([0, 8]))
    streams.next_batch(11, 0.0, random())
    batch = streams.next_batch(4, 1.0, random())
    assert batch.inputs.tolist() == [[EOS, 18, 19, 20]]


def test_bptt_text_without_any_start_is_never_reset() -> None:
    streams = BpttStreams(np.arange(10, 30), 2)
    assert streams.next_batch(4, 1.0, random()).targets[:, 0].tolist() == [10, 20]
    assert not streams.next_batch(4, 1.0, random()).reset.any()


def test_bptt_streams_restored_read_what_the_others_read() -> None:
    tokens, first, second = text([5, 3, 4]), random(), random()
    whole, resumed = BpttStreams(tokens, 3), BpttStreams(tokens, 3)
    for _ in range(3):
        whole.next_batch(5, 0.5, first)
    resumed.restore(whole.positions.copy())
    second.set_state(first.get_state())
    for _ in range(5):
        for tensor, expected in zip(resumed.next_batch(5, 0.5, second), whole.next_batch(5, 0.5, first), strict=True):
            assert torch.equal(tensor, expected)


def test_bptt_text_shorter_than_a_batch_is_read_again() -> None:
    batch = BpttStreams(np.array([5, 6, EOS]), 1).next_batch(7, 0.0, random())
    assert batch.targets.tolist() == [[5, 6, EOS, 5, 6, EOS, 5]]
