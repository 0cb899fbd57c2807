"""Texts made for a task, and what stands for a padded text."""

import random

import pytest
import torch

from app.experiments.long_distance import NOUNS
from app.experiments.whole_text import (
    PRESIDENTS,
    READERS,
    TOYS,
    WIDTHS,
    WORDS,
    Batch,
    Labeller,
    last,
    last_of_padding,
    make_batch,
    mean,
    train_labeller,
)
from models.utils.progress import run_to_completion

BATCHES = {task: make_batch(task, 40, random.Random(3)) for task in ("Teddy", "subject")}


def words(batch: Batch, row: int) -> list[str]:
    return [WORDS[i] for i in batch.tokens[row, : int(batch.lengths[row])].tolist()]


def test_whole_text_words_are_different() -> None:
    assert len(WORDS) == len(set(WORDS))


def test_make_batch_labels_teddy_by_what_follows() -> None:
    batch = BATCHES["Teddy"]
    assert set(batch.labels.tolist()) == {0, 1}
    for row, (place, label) in enumerate(zip(batch.places.tolist(), batch.labels.tolist(), strict=True)):
        text = words(batch, row)
        assert text[place] == "Teddy"
        assert set(text[place:]) & set(PRESIDENTS if label else TOYS)
        assert not set(text) & set(TOYS if label else PRESIDENTS)


def test_make_batch_labels_subjects_by_their_number() -> None:
    batch = BATCHES["subject"]
    assert batch.tokens.shape == (40, WIDTHS[0])
    assert all(
        words(batch, row)[1] in {pair[label] for pair in NOUNS} for row, label in enumerate(batch.labels.tolist())
    )


def test_last_is_that_of_the_text_however_it_is_padded() -> None:
    batch, encoder = BATCHES["subject"], Labeller(READERS[1], 4, seed=1).encoder
    assert torch.allclose(last(encoder, batch), last(encoder, batch.padded(64)), atol=1e-6)
    alone = Batch(*(column[:1] for column in batch))
    cut = alone._replace(tokens=alone.tokens[:, : int(alone.lengths[0])])
    assert torch.allclose(last(encoder, batch)[:1], last(encoder, cut), atol=1e-6)


def test_last_of_padding_changes_with_the_padding() -> None:
    batch, encoder = BATCHES["subject"], Labeller(READERS[4], 4, seed=1).encoder
    torch.nn.init.uniform_(encoder.embedding, -1, 1)
    assert not torch.allclose(last_of_padding(encoder, batch), last_of_padding(encoder, batch.padded(64)), atol=1e-6)


def test_mean_is_that_of_the_vectors_before_padding() -> None:
    batch, encoder = BATCHES["subject"], Labeller(READERS[7], 4, seed=1).encoder
    vectors = encoder(batch.tokens, batch.lengths)[5, : int(batch.lengths[5])]
    assert torch.allclose(mean(encoder, batch)[5], vectors.mean(0), atol=1e-6)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.read)
def test_train_labeller_is_repeatable(reader: object) -> None:
    assert isinstance(reader, type(READERS[0]))
    first, second = (run_to_completion(train_labeller(reader, 4, 2, seed=1)) for _ in range(2))
    batch = make_batch(reader.task, 3, random.Random(1))
    assert torch.equal(first(batch), second(batch))
