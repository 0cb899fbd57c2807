"""Each epoch holds each example once, in an order of its own, with texts of similar length together."""

import numpy as np

from models.tasks.training.batches import LengthBatches

LENGTHS = np.random.default_rng(1).integers(1, 60, 1003)


def epoch(batches: LengthBatches, number: int) -> list[list[int]]:
    begin = number * batches.steps_per_epoch
    return [batches.rows(step).tolist() for step in range(begin, begin + batches.steps_per_epoch)]


def test_length_batches_hold_every_example_once_an_epoch() -> None:
    batches = LengthBatches(LENGTHS, 16, seed=3)
    for number in range(2):
        assert sorted(row for rows in epoch(batches, number) for row in rows) == list(range(1003))


def test_length_batches_differ_by_epoch_and_seed_and_nothing_else() -> None:
    first = LengthBatches(LENGTHS, 16, seed=3)
    assert epoch(first, 1) == epoch(LengthBatches(LENGTHS, 16, seed=3), 1)  # without having seen epoch 0
    assert epoch(first, 0) != epoch(first, 1)
    assert epoch(first, 0) != epoch(LengthBatches(LENGTHS, 16, seed=4), 0)


def test_length_batches_waste_little_on_padding() -> None:
    padded = sum(len(rows) * LENGTHS[rows].max() for rows in epoch(LengthBatches(LENGTHS, 16, seed=3), 0))
    assert padded < 1.1 * LENGTHS.sum()  # at random it would be about 1.9
