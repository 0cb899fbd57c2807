"""Resource estimates: near what models take, and above where texts are not looked at."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.exceptions import TooExpensive
from app.jobs.estimates.resource_estimate import (
    EVALUATION_SHARE,
    estimate_composition,
    estimate_evaluation,
    estimate_training,
)
from app.jobs.estimates.resources import PROCESS_BYTES, STARTUP_SECONDS, ResourceEstimate, ResourceLimits
from app.jobs.estimates.text_size import TextSize, guess_size
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.build import build
from models.recipes.recipe import Recipe
from models.tokenization.config import TokenizerConfig

HOUR = TrainingConfig(epochs=1)


def recurrent(config: RecurrentConfig, training_config: TrainingConfig = HOUR) -> Recipe:
    return Recipe("demo", (Path("t"),), model=config, training=training_config)


def guessed(recipe: Recipe, text_bytes: int, threads: int) -> ResourceEstimate:
    """The estimate for a text that was not looked at."""
    return estimate_training(recipe, guess_size(recipe, text_bytes), threads)


def test_estimate_counts_lstm_parameters() -> None:
    # 8 million bytes are at most 2 million tokens, of 30 sqrt(2e6) + 2 = 42428 kinds.
    # Two layers of 4 gates: 4*650*(650+650+2) each; one matrix of 650 columns; one bias.
    estimate = guessed(recurrent(RecurrentConfig("lstm", layers=2, embedding_size=650, hidden_size=650)), 8_000_000, 1)
    assert estimate.parameters == 2 * 4 * 650 * (650 + 650 + 2) + 42_428 * 650 + 42_428


def test_estimate_counts_untied_gru_parameters() -> None:
    config = RecurrentConfig("gru", layers=1, embedding_size=10, hidden_size=20, tied=False)
    recipe = Recipe("demo", (Path("t"),), model=config, training=HOUR, tokenizer=TokenizerConfig(max_size=100))
    assert guessed(recipe, 1_000_000, 1).parameters == 3 * 20 * (10 + 20 + 2) + 100 * 20 + 100 + 100 * 10


def test_estimate_counts_feedforward_parameters() -> None:
    # One matrix over 4 vectors of 10, two biases where it has one, a projection; the tied matrix and its bias.
    config = RecurrentConfig("feedforward", layers=1, embedding_size=10, hidden_size=20, window=4)
    recipe = Recipe("demo", (Path("t"),), model=config, training=HOUR, tokenizer=TokenizerConfig(max_size=100))
    assert guessed(recipe, 1_000_000, 1).parameters == 20 * (4 * 10 + 2) + 20 * 10 + 100 * 10 + 100


def test_estimate_of_a_pruned_model_counts_what_is_kept() -> None:
    text = TextSize(1000, 200, 50, ngrams=(50, 120, 160), kept=(50, 120, 40))
    recipe = Recipe("demo", (Path("t"),), model=NgramConfig(order=3, prune=(0, 0, 1)))
    assert estimate_training(recipe, text, 1).parameters == 2 * 50 + 2 * 120 + 40


def test_estimate_within_a_memory_budget_takes_that_and_longer() -> None:
    text = TextSize(10**9, 2 * 10**8, 10**6, ngrams=(10**6, 10**7, 10**8), kept=(10**6, 10**7, 10**8))
    free, bounded, ample = (
        estimate_training(Recipe("demo", (Path("t"),), model=NgramConfig(order=3), memory=memory), text, 1)
        for memory in (None, 1 << 30, 1 << 40)
    )
    assert bounded.memory_bytes == 1 << 30
    assert free.memory_bytes == ample.memory_bytes == PROCESS_BYTES + 60 * (10**6 + 10**7 + 10**8)
    assert bounded.seconds > free.seconds == ample.seconds


@pytest.mark.parametrize("order", [1, 3, 5])
def test_estimate_of_an_ngram_model_is_an_upper_bound(order: int, tmp_path: Path) -> None:
    numbers = random.Random(1)
    words = [f"w{n}" for n in range(300)]
    text = "\n".join(" ".join(numbers.choices(words, k=9)) for _ in range(500))
    (tmp_path / "t").write_text(text)
    recipe = Recipe("demo", (tmp_path / "t",), model=NgramConfig(order=order), validation_fraction=0)
    work = build(recipe)
    try:
        while True:
            next(work)
    except StopIteration as end:
        estimate = end.value.model.parameter_count
    assert estimate <= guessed(recipe, len(text), 1).parameters + 10 * order


def test_estimate_assumes_a_small_character_vocabulary() -> None:
    recipe = Recipe("demo", (Path("t"),), model=NgramConfig(order=2), tokenizer=TokenizerConfig(kind="character"))
    assert guessed(recipe, 10_000_000, 1).parameters == 2 * 256 + 256**2  # the longest have no back-off weight


def test_estimate_of_time_falls_with_threads_and_epochs() -> None:
    text = TextSize(0, 10**6, 10**4)  # no bytes take no time to read
    slow, fast = (
        estimate_training(replace(recurrent(RecurrentConfig(), how), validation_fraction=0), text, threads).seconds
        for how, threads in ((TrainingConfig(epochs=4), 1), (TrainingConfig(epochs=2), 2))
    )
    assert (slow - STARTUP_SECONDS) / (fast - STARTUP_SECONDS) == pytest.approx(4)


def test_estimate_counts_the_passes_over_the_text_held_out() -> None:
    # Of 10**6 tokens a twentieth is scored once in each of two epochs, and four times at the end.
    text, recipe = TextSize(0, 10**6, 10**4), recurrent(RecurrentConfig(), TrainingConfig(epochs=2))
    whole = estimate_training(replace(recipe, validation_fraction=0), text, 1).seconds - STARTUP_SECONDS
    split = estimate_training(recipe, text, 1).seconds - STARTUP_SECONDS
    assert split / whole == pytest.approx(0.95 + 0.05 * 6 * EVALUATION_SHARE / 2)


@pytest.mark.parametrize("field", ["hidden_size", "embedding_size"])
def test_estimate_of_sizes_beyond_all_numbers_is_too_expensive(field: str) -> None:
    recipe, limits = recurrent(RecurrentConfig(**{field: 10**400})), ResourceLimits(10**9, 10**12, 10**6)
    with pytest.raises(TooExpensive, match="config: this job would take"):
        limits.check(guessed(recipe, 10**6, 1))


def test_limits_tell_no_endless_numbers() -> None:
    with pytest.raises(TooExpensive, match=r"about more than 1,000,000,000,000,000 parameters"):
        ResourceLimits(1, 1, 1).check(ResourceEstimate(10**5000, 1, 1))


def test_estimate_of_an_evaluation_grows_with_model_and_text() -> None:
    small, large = estimate_evaluation(10**6, 10**6), estimate_evaluation(10**9, 10**9)
    assert small.memory_bytes < large.memory_bytes
    assert small.seconds < large.seconds


def test_estimate_of_a_composition_sums_its_members() -> None:
    estimate = estimate_composition(10**6, 10**6)
    assert estimate.parameters == 10**6
    assert estimate.memory_bytes > estimate_evaluation(10**6, 10**6).memory_bytes
    assert estimate.seconds > estimate_evaluation(10**6, 10**6).seconds


@pytest.mark.parametrize(
    ("estimate", "message"),
    [
        (ResourceEstimate(11, 1, 1), "config: this job would take about 11 parameters, and at most 10 are allowed"),
        (ResourceEstimate(1, 1001, 1), "1,001 bytes of memory"),
        (ResourceEstimate(1, 1, 101), "101 seconds"),
    ],
)
def test_limits_name_the_resource_that_is_exceeded(estimate: ResourceEstimate, message: str) -> None:
    limits = ResourceLimits(10, 1000, 100)
    limits.check(ResourceEstimate(10, 1000, 100))
    with pytest.raises(TooExpensive, match=message):
        limits.check(estimate)
