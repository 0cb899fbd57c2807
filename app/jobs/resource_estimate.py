"""Estimates of a job's parameters, memory and time, from its request and the size of its text.

Estimates err upwards: they serve to refuse absurd jobs and to tell users what to expect, before anything is read. The
constants were measured on ptb and on novels.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.exceptions import TooExpensive
from models.composite.config import DynamicConfig
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.ngram.counting.counter import LEVEL_BYTES_PER_TOKEN, SORT_BYTES_PER_TOKEN
from models.recipes.recipe import Recipe
from models.recipes.task_recipe import TaskRecipe
from models.tasks.fill_in.config import FillInConfig
from models.tokenization.config import DEFAULT_BPE_SIZE, TokenizerConfig

PROCESS_BYTES = 400 << 20
"""Memory of a child process before it has read anything; most of it is torch."""
STARTUP_SECONDS = 5.0
"""Time until a child process begins its work."""
BYTES_PER_WORD_TOKEN = 4
"""Bytes of text per word token, rounded down; in English 4.5 to 5.5, the space included."""
BYTES_PER_BPE_TOKEN = 3
"""Bytes of English text per bpe token, at the least; the most is 5."""
CHARACTER_VOCABULARY = 256
"""Largest likely vocabulary of a character model."""
NGRAM_BYTES_PER_TOKEN = 44
"""Peak bytes of n-gram estimation per token and order, beside those of counting."""
NGRAM_SECONDS_PER_TOKEN = 1e-6
"""Seconds of n-gram counting and estimation per token and order."""
EXAMPLE_BYTES_PER_TOKEN = 400
"""Bytes of a labelled example per token: its text, its words and their ids."""
LONGEST_TEXT_TOKENS = 512
"""Tokens of the longest text in a batch, as a rule."""
BASELINE_NUMBERS_PER_TOKEN = 8
"""Numbers of a baseline per token of its examples: n-grams of several orders."""
BASELINE_SECONDS_PER_TOKEN = 2e-4
"""Seconds to fit a baseline per token of its examples."""
FLOPS_PER_THREAD = 2e10
"""Floating-point operations per second of one thread in training."""
MEMORY_BYTES_PER_SECOND = 5e9
"""Bytes per second that one thread reads or writes in memory."""
_GATE_COUNTS = {"rnn": 1, "gru": 3, "lstm": 4, "feedforward": 1}
"""Matrices of a layer, by kind of network."""


@dataclass(frozen=True)
class ResourceEstimate:
    """Upper estimate of the resources of a job."""

    parameters: int
    memory_bytes: int
    """Peak memory of the job's process."""
    seconds: float
    """Time from start to end, with a processor to itself."""


@dataclass(frozen=True)
class ResourceLimits:
    """Largest resources that a job may need."""

    parameters: int
    memory_bytes: int
    seconds: float

    def check(self, estimate: ResourceEstimate) -> None:
        """Raise TooExpensive, naming the resource, the estimate and the limit."""
        messages = {
            "parameters": f"{estimate.parameters:,} parameters, and at most {self.parameters:,} are allowed",
            "memory_bytes": f"{estimate.memory_bytes:,} bytes of memory, and at most {self.memory_bytes:,} are allowed",
            "seconds": f"{estimate.seconds:,.0f} seconds, and at most {self.seconds:,.0f} are allowed",
        }
        for name, message in messages.items():
            if getattr(estimate, name) > getattr(self, name):
                raise TooExpensive("config", f"this job would take about {message}")


def estimate_training(recipe: Recipe, text_bytes: int, threads: int) -> ResourceEstimate:
    """Estimate building a recipe from `text_bytes` of text."""
    tokens, vocabulary = _tokens_and_vocabulary(recipe.tokenizer, text_bytes)
    if isinstance(recipe.model, NgramConfig):
        return _estimate_ngram(recipe.model, tokens, vocabulary, recipe.memory)
    return _estimate_recurrent(recipe.model, recipe.training or TrainingConfig(), tokens, vocabulary, threads)


def estimate_task(recipe: TaskRecipe, file_bytes: int, threads: int) -> ResourceEstimate:
    """Estimate building a task's recipe from `file_bytes` of examples."""
    tokens, vocabulary = _tokens_and_vocabulary(recipe.tokenizer, file_bytes)
    examples = PROCESS_BYTES + EXAMPLE_BYTES_PER_TOKEN * tokens
    encoder, training = recipe.encoder, recipe.training
    if encoder is None or training is None:
        numbers = BASELINE_NUMBERS_PER_TOKEN * tokens
        return ResourceEstimate(numbers, examples + 16 * numbers, STARTUP_SECONDS + BASELINE_SECONDS_PER_TOKEN * tokens)
    vocabulary += recipe.extra_words
    gates, hidden = _GATE_COUNTS[encoder.cell] * encoder.hidden_size, encoder.hidden_size
    inputs = [encoder.layer_input_size(i) for i in range(encoder.layers)]
    layers = len(encoder.directions) * sum(gates * (size + hidden + 2) for size in inputs)
    output, sampled = 0, 0
    if isinstance(recipe.model, FillInConfig):
        layers += recipe.model.mlp_size * (encoder.vector_size + encoder.embedding_size + 1)
        output, sampled = vocabulary * (encoder.embedding_size + 1), recipe.model.sampled_words
    parameters = layers + vocabulary * encoder.embedding_size + output
    batch = training.batch_size * min(tokens, LONGEST_TEXT_TOKENS)
    activations = batch * (12 * encoder.layers * encoder.vector_size + encoder.input_size)
    work = 6 * (layers + output * min(1.0, (sampled or vocabulary) / vocabulary)) * tokens * training.epochs
    memory = examples + 4 * (6 * parameters + activations)
    return ResourceEstimate(parameters, memory, STARTUP_SECONDS + work / (FLOPS_PER_THREAD * threads))


def estimate_evaluation(parameters: int, text_bytes: int, dynamic: DynamicConfig | None = None) -> ResourceEstimate:
    """Estimate evaluating a model, with dynamic evaluation where `dynamic` is given."""
    copies, seconds = 2, text_bytes * 1e-5
    if dynamic is not None:
        copies = 6  # of the weights: trained, current, gradients and mean squares
        seconds_per_number = 6 / FLOPS_PER_THREAD + 20 / (MEMORY_BYTES_PER_SECOND * dynamic.segment)
        seconds += text_bytes / BYTES_PER_WORD_TOKEN * parameters * seconds_per_number
    return ResourceEstimate(0, PROCESS_BYTES + 4 * copies * parameters, STARTUP_SECONDS + seconds)


def estimate_composition(parameters: int, text_bytes: int) -> ResourceEstimate:
    """Estimate composing a model: one pass over the text to fit weights, one per unit to evaluate."""
    memory = PROCESS_BYTES + 8 * parameters + 16 * text_bytes // BYTES_PER_WORD_TOKEN
    return ResourceEstimate(parameters, memory, STARTUP_SECONDS + 3 * text_bytes * 1e-5)


def _tokens_and_vocabulary(tokenizer: TokenizerConfig, text_bytes: int) -> tuple[int, int]:
    """Return token count and vocabulary size; words grow with the square root of the text (Heaps' law)."""
    if tokenizer.kind == "character":
        return text_bytes, CHARACTER_VOCABULARY
    if tokenizer.kind == "bpe":
        return max(1, text_bytes // BYTES_PER_BPE_TOKEN), tokenizer.max_size or DEFAULT_BPE_SIZE
    tokens = max(1, text_bytes // BYTES_PER_WORD_TOKEN)
    return tokens, min(tokens + 2, tokenizer.max_size or tokens, int(30 * tokens**0.5) + 2)


def _estimate_ngram(config: NgramConfig, tokens: int, vocabulary: int, budget: int | None) -> ResourceEstimate:
    entries = sum(min(tokens, vocabulary**n) for n in range(1, config.order + 1))
    counting = tokens * (SORT_BYTES_PER_TOKEN + LEVEL_BYTES_PER_TOKEN * config.order)
    memory = PROCESS_BYTES + min(counting, budget or counting) + NGRAM_BYTES_PER_TOKEN * tokens * config.order
    return ResourceEstimate(4 * entries, memory, STARTUP_SECONDS + NGRAM_SECONDS_PER_TOKEN * tokens * config.order)


def _estimate_recurrent(
    config: RecurrentConfig, training: TrainingConfig, tokens: int, vocabulary: int, threads: int
) -> ResourceEstimate:
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
    memory = PROCESS_BYTES + 4 * (6 * parameters + activations) + 16 * tokens
    softmax = output * min(1.0, (training.sampled_words or vocabulary) / vocabulary)
    work = 6 * (layers + projection + softmax) * tokens * training.epochs
    return ResourceEstimate(parameters, memory, STARTUP_SECONDS + work / (FLOPS_PER_THREAD * threads))
