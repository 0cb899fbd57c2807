"""Estimates of the resources of jobs that make a task's model.

The constants were measured by `benchmarks.service.estimates`.
"""

from __future__ import annotations

from app.jobs.estimates.resource_estimate import EVALUATION_SHARE, TORCH_BYTES, seconds_per_token
from app.jobs.estimates.resources import PROCESS_BYTES, STARTUP_SECONDS, ResourceEstimate, refuse_overflow
from app.jobs.estimates.text_size import TextSize
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import encoder_shapes
from models.recipes.task_recipe import TaskRecipe
from models.tasks.classification.config import LogisticRegressionConfig
from models.tasks.fill_in.config import FillInConfig
from models.tasks.question_answering.config import ReaderConfig
from models.tasks.training.config import TaskTrainingConfig

EXAMPLE_BYTES_PER_TOKEN = 400
"""Bytes of a labelled example per token: its text, its words and their ids."""
BASELINE_NUMBERS_PER_NGRAM = 2
"""Numbers of a baseline per different word or bigram: one for each of two labels."""
COUNTING_SECONDS_PER_TOKEN = 5e-6
"""Seconds to count a baseline's n-grams per token of its examples."""
FITTING_SECONDS_PER_TOKEN = 5e-5
"""Seconds to fit the weights of a logistic regression per token of its examples."""
SECONDS_PER_STEP = 20e-6
"""Seconds that a token takes in a direction of a layer, forward and back, beside the matrix products."""
READER_ACTIVATIONS = 4
"""Numbers that a reader keeps for its gradients, its own layers included, as a multiple of its encoder's."""
ALPHABET = 256
"""Characters that words are read by, at the most as a rule."""


def estimate_task(recipe: TaskRecipe, text: TextSize, threads: int) -> ResourceEstimate:
    """Estimate a task's recipe for examples. Raises TooExpensive beyond all numbers."""
    examples = PROCESS_BYTES + EXAMPLE_BYTES_PER_TOKEN * text.tokens
    if recipe.encoder is None or recipe.training is None:
        numbers = BASELINE_NUMBERS_PER_NGRAM * sum(text.ngrams)
        fitting = FITTING_SECONDS_PER_TOKEN if isinstance(recipe.model, LogisticRegressionConfig) else 0.0
        seconds = (COUNTING_SECONDS_PER_TOKEN + fitting) * text.tokens
        return ResourceEstimate(numbers, examples + 16 * numbers, STARTUP_SECONDS + seconds)
    with refuse_overflow():
        return _estimate_network(recipe, recipe.encoder, recipe.training, text, threads)


def _estimate_network(
    recipe: TaskRecipe, encoder: EncoderConfig, training: TaskTrainingConfig, text: TextSize, threads: int
) -> ResourceEstimate:
    tokens, vocabulary = text.tokens, text.vocabulary + recipe.extra_words
    shapes = encoder_shapes(encoder, vocabulary, ALPHABET)
    numbers = {name: rows * (rest[0] if rest else 1) for name, (rows, *rest) in shapes.items()}
    layers = sum(count for name, count in numbers.items() if not name.endswith("embedding"))
    head, output, words = _head_numbers(recipe, encoder), 0, 0
    if isinstance(recipe.model, FillInConfig):
        output = vocabulary * (encoder.embedding_size + 1)
        words = min(recipe.model.sampled_words or vocabulary, vocabulary)
    parameters = sum(numbers.values()) + head + output
    batch = training.batch_size * min(tokens, text.longest)
    activations = batch * (12 * encoder.layers * encoder.vector_size + encoder.input_size)
    if isinstance(recipe.model, ReaderConfig):
        activations *= READER_ACTIVATIONS
    # Weights, gradients, two moments, best and mean weights.
    memory = PROCESS_BYTES + TORCH_BYTES + EXAMPLE_BYTES_PER_TOKEN * tokens + 4 * (6 * parameters + activations)
    steps = SECONDS_PER_STEP * encoder.layers * len(encoder.directions)
    if isinstance(recipe.model, ReaderConfig):
        steps *= 1.6  # its own layers read the text once more
    trained = seconds_per_token(layers + head + output * words / vocabulary, steps, words)
    held_out = recipe.validation_fraction if recipe.validation is None else 0.0
    passes = training.epochs * (1 - held_out + held_out * EVALUATION_SHARE)
    return ResourceEstimate(parameters, memory, STARTUP_SECONDS + trained * tokens * passes / threads)


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
