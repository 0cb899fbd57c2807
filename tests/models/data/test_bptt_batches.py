"""Streams over a text whose every position can be told from its token."""

import numpy as np
import pytest
import torch

from models.data.bptt_batches import Streams
from models.special_tokens import EOS


def text(lines: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Lines of the given lengths, `</s>` included, whose other tokens are 10 plus their position."""
    tokens = np.arange(10, 10 + sum(lines))
    tokens[np.cumsum(lines) - 1] = EOS
    return tokens


def random() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def test_windows_of_a_row_follow_one_another_round_the_text() -> None:
    tokens = text([5, 3, 4])
    streams = Streams(tokens, 1)
    windows = [streams.window(4, 0.0, random()) for _ in range(4)]
    targets = torch.cat([w.targets[0] for w in windows]).tolist()
    inputs = torch.cat([w.inputs[0] for w in windows]).tolist()
    assert targets == [*tokens, *tokens[:4]]
    assert inputs == [EOS, *targets[:-1]]


def test_rows_begin_at_the_line_starts_before_equal_distances() -> None:
    window = Streams(text([3, 4, 4, 1]), 3).window(2, 0.0, random())  # distances 0, 4, 8; lines start at 0, 3, 7, 11
    assert window.targets.tolist() == [[10, 11], [13, 14], [17, 18]]
    assert window.fresh.all()


def test_rows_within_one_long_line_do_not_read_the_same() -> None:
    window = Streams(text([40]), 4).window(2, 0.0, random())
    assert window.targets.tolist() == [[10, 11], [20, 21], [30, 31], [40, 41]]


def test_only_the_first_window_is_fresh_without_resets() -> None:
    streams = Streams(text([5, 3, 4]), 2)
    assert [bool(streams.window(3, 0.0, random()).fresh.any()) for _ in range(5)] == [True] + [False] * 4


def test_a_reset_row_reads_its_line_from_the_boundary_on() -> None:
    streams = Streams(text([5, 3, 4]), 1)
    streams.window(7, 0.0, random())
    window = streams.window(4, 1.0, random())  # the next token was that at 7, the end of the line 5, 6, 7
    assert window.fresh.tolist() == [True]
    assert window.inputs.tolist() == [[EOS, 15, 16, EOS]]
    assert window.targets.tolist() == [[15, 16, EOS, 18]]


def test_a_row_deep_in_a_line_longer_than_the_window_goes_on() -> None:
    streams = Streams(text([20, 3]), 1)
    streams.window(6, 0.0, random())
    window = streams.window(6, 1.0, random())
    assert not window.fresh.any()
    assert window.targets[0, 0] == 16


def test_resets_happen_at_their_rate() -> None:
    streams, generator = Streams(text([4] * 100), 50), random()
    streams.window(4, 0.0, generator)
    shares = [streams.window(4, 0.3, generator).fresh.float().mean().item() for _ in range(40)]
    # 2000 draws: within four standard deviations, 4 sqrt(0.3 0.7 / 2000) = 0.041
    assert np.mean(shares) == pytest.approx(0.3, abs=0.041)


def test_starts_can_be_given_where_the_text_has_no_boundaries() -> None:
    streams = Streams(np.arange(10, 30), 1, starts=np.array([0, 8]))
    streams.window(11, 0.0, random())
    window = streams.window(4, 1.0, random())
    assert window.inputs.tolist() == [[EOS, 18, 19, 20]]


def test_a_text_without_any_start_never_begins_anew() -> None:
    streams = Streams(np.arange(10, 30), 2)
    assert streams.window(4, 1.0, random()).targets[:, 0].tolist() == [10, 20]
    assert not streams.window(4, 1.0, random()).fresh.any()


def test_resumed_streams_read_what_the_others_read() -> None:
    tokens, first, second = text([5, 3, 4]), random(), random()
    whole, resumed = Streams(tokens, 3), Streams(tokens, 3)
    for _ in range(3):
        whole.window(5, 0.5, first)
    resumed.resume(whole.positions.copy())
    second.set_state(first.get_state())
    for _ in range(5):
        for found, expected in zip(resumed.window(5, 0.5, second), whole.window(5, 0.5, first), strict=True):
            assert torch.equal(found, expected)


def test_a_text_shorter_than_a_window_is_read_again() -> None:
    window = Streams(np.array([5, 6, EOS]), 1).window(7, 0.0, random())
    assert window.targets.tolist() == [[5, 6, EOS, 5, 6, EOS, 5]]
