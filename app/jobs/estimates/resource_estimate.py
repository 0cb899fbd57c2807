"""Estimates of a job's parameters, memory and time, from its request and the size of its text.

They serve to refuse absurd jobs and to tell users what to expect, before the work begins. The constants were measured
by `benchmarks.service.estimates`.
"""

from __future__ import annotations

from app.jobs.estimates.resources import PROCESS_BYTES, STARTUP_SECONDS, ResourceEstimate, refuse_overflow
from app.jobs.estimates.text_size import BYTES_PER_WORD_TOKEN, TextSize
from models.composite.config import DynamicConfig
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.recipe import Recipe

SORT_BYTES_PER_TOKEN = 20
"""Peak bytes a token takes while n-grams are counted, where most of them occur often."""
BYTES_PER_NGRAM = 60
"""Peak bytes of counting, estimation and packing per different n-gram."""
SECONDS_PER_BYTE = 8e-8
"""Seconds of reading, splitting and sorting a text per byte."""
PIECES_SECONDS_PER_BYTE = 3e-7
"""Seconds in which parts of words are learnt, per byte of text."""
SECONDS_PER_NGRAM = 1.5e-7
"""Seconds of one counting and estimation per different n-gram."""
DISK_SLOWDOWN = 2.0
"""How much longer counting and estimation take within a memory budget that is less than they need."""
ARPA_BYTES_PER_NGRAM = 30
"""Bytes of a line of ARPA text, at the least."""
IMPORT_BYTES_PER_NGRAM = 250
"""Peak bytes of an import per n-gram, while all are sorted and linked."""
IMPORT_SECONDS_PER_NGRAM = 1e-5
"""Seconds of an import per n-gram."""
FLOPS_PER_THREAD = 1.2e11
"""Floating-point operations per second of one thread in matrix products."""
SECONDS_PER_STEP = {"rnn": 10e-6, "gru": 30e-6, "lstm": 30e-6, "feedforward": 30e-6}
"""Seconds that a token of a language model takes in a layer, forward and back, beside the matrix products."""
SECONDS_PER_LOGIT = 6e-9
"""Seconds that a word of the vocabulary takes in the softmax of a token, forward and back."""
EVALUATION_SHARE = 0.5
"""Time that a token takes when it is only scored, as a share of that in training."""
TORCH_BYTES = 90 << 20
"""Memory of torch, loaded and computing."""
MEMORY_BYTES_PER_SECOND = 5e9
"""Bytes per second that one thread reads or writes in memory."""
_MEASURED_PASSES = 4
"""Passes over the text held out that measure the finished model: in both units, in float32 and in int8."""
_GATE_COUNTS = {"rnn": 1, "gru": 3, "lstm": 4, "feedforward": 1}
"""Matrices of a layer, by kind of network."""


def estimate_training(recipe: Recipe, text: TextSize, threads: int) -> ResourceEstimate:
    """Estimate building a recipe from a text."""
    with refuse_overflow():
        if isinstance(recipe.model, NgramConfig):
            return _estimate_ngram(recipe, text)
        return _estimate_recurrent(recipe, recipe.model, recipe.training or TrainingConfig(), text, threads)


def estimate_evaluation(parameters: int, text_bytes: int, dynamic: DynamicConfig | None = None) -> ResourceEstimate:
    """Estimate evaluating a model, with dynamic evaluation where `dynamic` is given."""
    copies, seconds = 2, text_bytes * 1e-5
    if dynamic is not None:
        copies = 6  # of the weights: trained, current, gradients and mean squares
        seconds_per_number = 6 / FLOPS_PER_THREAD + 20 / (MEMORY_BYTES_PER_SECOND * dynamic.segment)
        seconds += text_bytes / BYTES_PER_WORD_TOKEN * parameters * seconds_per_number
    return ResourceEstimate(0, PROCESS_BYTES + 4 * copies * parameters, STARTUP_SECONDS + seconds)


def estimate_import(text_bytes: int) -> ResourceEstimate:
    """Estimate reading the ARPA text of a model, of `text_bytes` where it is decompressed."""
    ngrams = text_bytes // ARPA_BYTES_PER_NGRAM
    return ResourceEstimate(
        2 * ngrams,
        PROCESS_BYTES + IMPORT_BYTES_PER_NGRAM * ngrams,
        STARTUP_SECONDS + IMPORT_SECONDS_PER_NGRAM * ngrams,
    )


def estimate_composition(parameters: int, text_bytes: int) -> ResourceEstimate:
    """Estimate composing a model: one pass over the text to fit weights, one per unit to evaluate."""
    memory = PROCESS_BYTES + 8 * parameters + 16 * text_bytes // BYTES_PER_WORD_TOKEN
    return ResourceEstimate(parameters, memory, STARTUP_SECONDS + 3 * text_bytes * 1e-5)


def _estimate_ngram(recipe: Recipe, text: TextSize) -> ResourceEstimate:
    parameters = 2 * sum(text.kept) - text.kept[-1]  # the longest have no back-off weight
    ngrams = sum(text.ngrams)
    memory = PROCESS_BYTES + max(SORT_BYTES_PER_TOKEN * text.tokens, BYTES_PER_NGRAM * ngrams)
    passes = 2 if recipe.is_refitted else 1
    counting = passes * SECONDS_PER_NGRAM * ngrams
    if recipe.memory is not None and recipe.memory < memory:
        memory, counting = recipe.memory, DISK_SLOWDOWN * counting
    return ResourceEstimate(parameters, memory, STARTUP_SECONDS + _reading_seconds(recipe, text) + counting)


def _reading_seconds(recipe: Recipe, text: TextSize) -> float:
    """Return how long it takes to read a text and learn its tokens."""
    learning = PIECES_SECONDS_PER_BYTE if recipe.tokenizer.kind in ("bpe", "unigram") else 0.0
    return (SECONDS_PER_BYTE + learning) * text.text_bytes


def _estimate_recurrent(
    recipe: Recipe, config: RecurrentConfig, training: TrainingConfig, text: TextSize, threads: int
) -> ResourceEstimate:
    tokens, vocabulary = text.tokens, text.vocabulary
    hidden, embedding = config.hidden_size, config.embedding_size
    inputs = [embedding] + [hidden] * (config.layers - 1)
    # A feed-forward network reads the vectors of its window, a recurrent one its own last output.
    feedback = (config.window - 1) * embedding if config.kind == "feedforward" else hidden
    layers = sum(_GATE_COUNTS[config.kind] * hidden * (size + feedback + 2) for size in inputs)
    projection = hidden * embedding if config.tied and hidden != embedding else 0
    output = vocabulary * (embedding if config.tied else hidden)
    parameters = layers + projection + output + vocabulary + (0 if config.tied else vocabulary * embedding)
    window = training.batch_size * training.bptt
    activations = window * (12 * config.layers * hidden + embedding) + min(window * vocabulary, 8_000_000)
    # Weights, gradients, two moments, best and mean weights; and two copies of the token ids.
    memory = PROCESS_BYTES + TORCH_BYTES + 4 * (6 * parameters + activations) + 16 * tokens
    words = min(vocabulary, training.sampled_words or vocabulary)
    matrices = layers + projection
    steps = SECONDS_PER_STEP[config.kind] * config.layers
    trained = seconds_per_token(matrices + output * words / vocabulary, steps, words)
    scored = EVALUATION_SHARE * seconds_per_token(matrices + output, steps, vocabulary)
    held_out = recipe.validation_fraction if recipe.validation is None else 0.0
    passes = training.epochs * (1 - held_out) * trained + held_out * (training.epochs + _MEASURED_PASSES) * scored
    seconds = STARTUP_SECONDS + _reading_seconds(recipe, text) + tokens * passes / threads
    return ResourceEstimate(parameters, memory, seconds)


def seconds_per_token(matrices: float, steps: float, words: int) -> float:
    """Return the seconds of a token in training, by numbers in matrices, seconds of steps, and words."""
    return 6 * matrices / FLOPS_PER_THREAD + steps + SECONDS_PER_LOGIT * words
