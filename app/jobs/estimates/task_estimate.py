"""Estimates of the resources of jobs that make a task's model, upwards like those of language models.

The constants were measured on film reviews, tagged news and bAbI.
"""

from __future__ import annotations

from app.jobs.estimates.resource_estimate import FLOPS_PER_THREAD
from app.jobs.estimates.resources import PROCESS_BYTES, STARTUP_SECONDS, ResourceEstimate, refuse_overflow
from app.jobs.estimates.text_size import tokens_and_vocabulary
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import encoder_shapes
from models.recipes.task_recipe import TaskRecipe
from models.tasks.fill_in.config import FillInConfig
from models.tasks.question_answering.config import ReaderConfig
from models.tasks.training.config import TaskTrainingConfig

EXAMPLE_BYTES_PER_TOKEN = 400
"""Bytes of a labelled example per token: its text, its words and their ids."""
LONGEST_TEXT_TOKENS = 512
"""Tokens of the longest text in a batch, as a rule."""
BASELINE_NUMBERS_PER_TOKEN = 8
"""Numbers of a baseline per token of its examples: n-grams of several orders."""
BASELINE_SECONDS_PER_TOKEN = 2e-4
"""Seconds to fit a baseline per token of its examples."""
ALPHABET = 256
"""Characters that words are read by, at the most as a rule."""


def estimate_task(recipe: TaskRecipe, file_bytes: int, threads: int) -> ResourceEstimate:
    """Estimate a task's recipe with `file_bytes` of examples. Raises TooExpensive beyond all numbers."""
    tokens, vocabulary = tokens_and_vocabulary(recipe.tokenizer, file_bytes)
    examples = PROCESS_BYTES + EXAMPLE_BYTES_PER_TOKEN * tokens
    if recipe.encoder is None or recipe.training is None:
        numbers = BASELINE_NUMBERS_PER_TOKEN * tokens
        return ResourceEstimate(numbers, examples + 16 * numbers, STARTUP_SECONDS + BASELINE_SECONDS_PER_TOKEN * tokens)
    with refuse_overflow():
        return _estimate_network(recipe, recipe.encoder, recipe.training, tokens, vocabulary, threads)


def _estimate_network(
    recipe: TaskRecipe, encoder: EncoderConfig, training: TaskTrainingConfig, tokens: int, vocabulary: int, threads: int
) -> ResourceEstimate:
    vocabulary += recipe.extra_words
    shapes = encoder_shapes(encoder, vocabulary, ALPHABET)
    numbers = {name: rows * (rest[0] if rest else 1) for name, (rows, *rest) in shapes.items()}
    layers = sum(count for name, count in numbers.items() if not name.endswith("embedding"))
    head, output = _head_numbers(recipe, encoder), 0
    share = 1.0
    if isinstance(recipe.model, FillInConfig):
        output = vocabulary * (encoder.embedding_size + 1)
        share = min(1.0, (recipe.model.sampled_words or vocabulary) / vocabulary)
    parameters = sum(numbers.values()) + head + output
    batch = training.batch_size * min(tokens, LONGEST_TEXT_TOKENS)
    activations = batch * (12 * encoder.layers * encoder.vector_size + encoder.input_size)
    work = 6 * (layers + head + output * share) * tokens * training.epochs
    # Weights, gradients, two moments, best and mean weights.
    memory = PROCESS_BYTES + EXAMPLE_BYTES_PER_TOKEN * tokens + 4 * (6 * parameters + activations)
    return ResourceEstimate(parameters, memory, STARTUP_SECONDS + work / (FLOPS_PER_THREAD * threads))


def _head_numbers(recipe: TaskRecipe, encoder: EncoderConfig) -> int:
    """Return about how many numbers the layers above the encoder have, an output layer of words apart."""
    config, vector = recipe.model, encoder.vector_size
    if isinstance(config, FillInConfig):
        return config.mlp_size * (vector + encoder.embedding_size + 1)
    if isinstance(config, ReaderConfig):
        size = 2 * config.match_size
        reading = vector * vector + 4 * size * (4 * vector + config.match_size + 2)
        return reading + (config.hops + 2) * 2 * size * (2 * size + 2 * vector)
    return 0
