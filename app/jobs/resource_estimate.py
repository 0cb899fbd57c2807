"""How large a job will be, guessed from its request and the size of its text before anything is read.

Guesses err upwards: they are for refusing what is absurd and for telling a user what to expect. The constants were
measured on ptb and on novels; it knows formulas, and nothing of queues or files.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.exceptions import TooExpensive
from models.composite.config import DynamicConfig
from models.neural.model import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.ngram.counting.counter import LEVEL_BYTES_PER_TOKEN, SORT_BYTES_PER_TOKEN
from models.recipes.recipe import Recipe
from models.tokenization.config import DEFAULT_BPE_SIZE

PROCESS_BYTES = 400 << 20
"""Of a child process before it has read anything: most of it is torch."""
STARTUP_SECONDS = 5.0
BYTES_PER_WORD_TOKEN = 4
"""A token of English takes 4.5 to 5.5 bytes, its blank included."""
BYTES_PER_BPE_TOKEN = 3
"""A token of bpe takes 3 to 5 bytes of English."""
CHARACTER_VOCABULARY = 256
"""Size of a character vocabulary, at the most that is likely."""
NGRAM_BYTES_PER_TOKEN = 44
"""Peak memory of estimation per token and order, beside that of counting."""
NGRAM_SECONDS_PER_TOKEN = 1e-6
"""The same for time."""
FLOPS_PER_THREAD = 2e10
"""Of one thread, in training."""
MEMORY_BYTES_PER_SECOND = 5e9
"""That one thread reads or writes."""
_GATE_COUNTS = {"rnn": 1, "gru": 3, "lstm": 4, "feedforward": 1}


@dataclass(frozen=True)
class ResourceEstimate:
    """What a job is likely to take, at the most."""

    parameters: int
    """Numbers in the model."""
    memory_bytes: int
    """Peak memory of its process."""
    seconds: float
    """From its start to its end, with a processor to itself."""


@dataclass(frozen=True)
class ResourceLimits:
    """What a job may take."""

    parameters: int
    memory_bytes: int
    seconds: float

    def check(self, found: ResourceEstimate) -> None:
        """Raise TooExpensive, saying what is too much, and by how much."""
        told = {
            "parameters": f"{found.parameters:,} parameters, and at most {self.parameters:,} are allowed",
            "memory_bytes": f"{found.memory_bytes:,} bytes of memory, and at most {self.memory_bytes:,} are allowed",
            "seconds": f"{found.seconds:,.0f} seconds, and at most {self.seconds:,.0f} are allowed",
        }
        for name, message in told.items():
            if getattr(found, name) > getattr(self, name):
                raise TooExpensive("config", f"this job would take about {message}")


def estimate_training(recipe: Recipe, text_bytes: int, threads: int) -> ResourceEstimate:
    """The size of building a recipe from so many bytes of text."""
    tokens, vocabulary = _tokens_and_vocabulary(recipe, text_bytes)
    if isinstance(recipe.model, NgramConfig):
        return _estimate_ngram(recipe.model, tokens, vocabulary, recipe.memory)
    return _estimate_recurrent(recipe.model, recipe.training or TrainingConfig(), tokens, vocabulary, threads)


def estimate_evaluation(parameters: int, text_bytes: int, how: DynamicConfig | None = None) -> ResourceEstimate:
    """The size of measuring a model of so many numbers, which learns meanwhile where it is said how."""
    copies, seconds = 2, text_bytes * 1e-5
    if how is not None:
        copies = 6  # as they were trained, as they are, their gradients and the squares of those
        seconds += (
            text_bytes
            / BYTES_PER_WORD_TOKEN
            * parameters
            * (6 / FLOPS_PER_THREAD + 20 / (MEMORY_BYTES_PER_SECOND * how.segment))
        )
    return ResourceEstimate(0, PROCESS_BYTES + 4 * copies * parameters, STARTUP_SECONDS + seconds)


def estimate_composition(parameters: int, text_bytes: int) -> ResourceEstimate:
    """The size of making a model of others that hold so many numbers: a pass to fit, one a unit to measure."""
    memory = PROCESS_BYTES + 8 * parameters + 16 * text_bytes // BYTES_PER_WORD_TOKEN
    return ResourceEstimate(parameters, memory, STARTUP_SECONDS + 3 * text_bytes * 1e-5)


def _tokens_and_vocabulary(recipe: Recipe, text_bytes: int) -> tuple[int, int]:
    """Tokens and vocabulary; that of words grows with the root of the text (Heaps' law)."""
    if recipe.tokenizer.kind == "character":
        return text_bytes, CHARACTER_VOCABULARY
    if recipe.tokenizer.kind == "bpe":
        return max(1, text_bytes // BYTES_PER_BPE_TOKEN), recipe.tokenizer.max_size or DEFAULT_BPE_SIZE
    tokens = max(1, text_bytes // BYTES_PER_WORD_TOKEN)
    return tokens, min(tokens + 2, recipe.tokenizer.max_size or tokens, int(30 * tokens**0.5) + 2)


def _estimate_ngram(config: NgramConfig, tokens: int, vocabulary: int, budget: int | None) -> ResourceEstimate:
    entries = sum(min(tokens, vocabulary**n) for n in range(1, config.order + 1))
    counting = tokens * (SORT_BYTES_PER_TOKEN + LEVEL_BYTES_PER_TOKEN * config.order)
    memory = PROCESS_BYTES + min(counting, budget or counting) + NGRAM_BYTES_PER_TOKEN * tokens * config.order
    return ResourceEstimate(4 * entries, memory, STARTUP_SECONDS + NGRAM_SECONDS_PER_TOKEN * tokens * config.order)


def _estimate_recurrent(
    config: RecurrentConfig, how: TrainingConfig, tokens: int, vocabulary: int, threads: int
) -> ResourceEstimate:
    hidden, embedding = config.hidden_size, config.embedding_size
    inputs = [embedding] + [hidden] * (config.layers - 1)
    # A feed-forward network reads the vectors of its window where a recurrent one reads its own last output.
    own = (config.window - 1) * embedding if config.kind == "feedforward" else hidden
    layers = sum(_GATE_COUNTS[config.kind] * hidden * (size + own + 2) for size in inputs)
    projection = hidden * embedding if config.tied and hidden != embedding else 0
    output = vocabulary * (embedding if config.tied else hidden)
    parameters = layers + projection + output + vocabulary + (0 if config.tied else vocabulary * embedding)
    window = how.batch_size * how.bptt
    activations = window * (12 * config.layers * hidden + embedding) + min(window * vocabulary, 8_000_000)
    # Weights, their gradient, two moments, the best so far and their mean; of the text two copies of its ids.
    memory = PROCESS_BYTES + 4 * (6 * parameters + activations) + 16 * tokens
    softmax = output * min(1.0, (how.sampled_words or vocabulary) / vocabulary)
    work = 6 * (layers + projection + softmax) * tokens * how.epochs
    return ResourceEstimate(parameters, memory, STARTUP_SECONDS + work / (FLOPS_PER_THREAD * threads))
