"""Estimates of jobs that make task models: exact where they can be, and never an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.core.exceptions import TooExpensive
from app.jobs.estimates.resources import STARTUP_SECONDS, ResourceEstimate, ResourceLimits
from app.jobs.estimates.task_estimate import ALPHABET, estimate_task
from app.jobs.estimates.text_size import guess_examples
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import encoder_shapes
from models.recipes.task_recipe import TaskRecipe
from models.tasks.classification.config import NaiveBayesConfig
from models.tasks.fill_in.config import FillInConfig
from models.tasks.fill_in.model import fill_in_head_shapes
from models.tasks.question_answering.config import ReaderConfig
from models.tasks.question_answering.model import reader_head_shapes
from models.tasks.training.config import TaskTrainingConfig
from models.tokenization.config import TokenizerConfig

LIMITS = ResourceLimits(10**9, 10**12, 10**6)


def guessed(recipe: TaskRecipe, file_bytes: int, threads: int = 1) -> ResourceEstimate:
    """The estimate for examples that were not looked at."""
    return estimate_task(recipe, guess_examples(recipe, file_bytes), threads)


def test_estimate_counts_the_parameters_of_an_encoder() -> None:
    # 8,000 bytes are at most 2,000 tokens, of min(2002, 100) kinds, and 7 words come with the vectors. The first layer
    # reads 10 numbers in each of two directions, the second both directions: 3 gates of 20, and two biases.
    encoder = EncoderConfig("gru", layers=2, embedding_size=10, hidden_size=20)
    vectors = {"initialize_from": Path("v"), "extra_words": 7}
    recipe = TaskRecipe("x", (Path("t"),), encoder=encoder, tokenizer=TokenizerConfig(max_size=100), **vectors)
    layers = 2 * 3 * 20 * (10 + 20 + 2) + 2 * 3 * 20 * (40 + 20 + 2)
    assert guessed(recipe, 8_000).parameters == layers + (100 + 7) * 10


def test_estimate_of_a_task_grows_with_epochs_and_falls_with_threads() -> None:
    slow, fast = (
        guessed(TaskRecipe("x", (Path("t"),), training=TaskTrainingConfig(epochs=epochs)), 10**7, threads).seconds
        for epochs, threads in ((4, 1), (2, 2))
    )
    assert (slow - STARTUP_SECONDS) / (fast - STARTUP_SECONDS) == pytest.approx(4)


def test_estimate_of_a_baseline_grows_with_its_files() -> None:
    recipe = TaskRecipe("x", (Path("t"),), NaiveBayesConfig())
    small, large = guessed(recipe, 10**5), guessed(recipe, 10**7)
    assert small.memory_bytes < large.memory_bytes
    assert small.seconds < large.seconds


def test_estimate_counts_the_parameters_of_characters() -> None:
    encoder = EncoderConfig(embedding_size=10, hidden_size=20, character_embedding_size=5, character_hidden_size=7)
    recipe = TaskRecipe("x", (Path("t"),), encoder=encoder, tokenizer=TokenizerConfig(max_size=100))
    # Two directions of four gates of 7 over vectors of 5, and those of an alphabet; the words' layers read 10 + 14.
    characters = ALPHABET * 5 + 2 * 4 * 7 * (5 + 7 + 2)
    assert guessed(recipe, 8_000).parameters == characters + 2 * 4 * 20 * (24 + 20 + 2) + 100 * 10


def sizes(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(rows * (rest[0] if rest else 1) for rows, *rest in shapes.values())


def test_estimate_of_heads_is_an_upper_bound() -> None:
    encoder, words = EncoderConfig(embedding_size=10, hidden_size=20, separate=True), TokenizerConfig(max_size=100)
    below = sizes(encoder_shapes(encoder, 100, 0))
    fill_in, reader = FillInConfig(mlp_size=30), ReaderConfig(match_size=12, hops=3)
    heads = {
        fill_in: sizes(fill_in_head_shapes(fill_in, encoder, 100)),
        reader: sizes(reader_head_shapes(reader, 5, encoder.vector_size)),
    }
    for config, head in heads.items():
        recipe = TaskRecipe("x", (Path("t"),), config, encoder=encoder, tokenizer=words)
        assert below + head <= guessed(recipe, 8_000).parameters < 3 * (below + head)


@pytest.mark.parametrize(
    "fields",
    [
        {"encoder": EncoderConfig(hidden_size=10**400)},
        {"encoder": EncoderConfig(embedding_size=10**400)},
        {"encoder": EncoderConfig(character_embedding_size=10**9)},
        {"encoder": EncoderConfig(character_embedding_size=1, character_hidden_size=10**200)},
        {"training": TaskTrainingConfig(batch_size=10**400)},
        {"training": TaskTrainingConfig(epochs=1e308)},
        {"model": FillInConfig(mlp_size=10**400)},
        {"model": ReaderConfig(match_size=10**200)},
        {"initialize_from": Path("v"), "extra_words": 10**5000},
    ],
)
def test_estimate_of_sizes_beyond_all_numbers_is_too_expensive(fields: dict[str, Any]) -> None:
    recipe = TaskRecipe("x", (Path("t"),), **fields)
    with pytest.raises(TooExpensive, match="config: this job would take"):
        LIMITS.check(guessed(recipe, 1000))
