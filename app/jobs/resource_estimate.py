"""Estimates of a job's parameters, memory and time, from its request and the size of its text.

Estimates err upwards: they serve to refuse absurd jobs and to tell users what to expect, before anything is read. The
constants were measured on ptb and on novels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from app.core.exceptions import TooExpensive
from models.composite.config import DynamicConfig
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.ngram.counting.counter import LEVEL_BYTES_PER_TOKEN, SORT_BYTES_PER_TOKEN
from models.recipes.recipe import Recipe
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
ARPA_BYTES_PER_NGRAM = 30
"""Bytes of a line of ARPA text, at the least."""
IMPORT_BYTES_PER_NGRAM = 250
"""Peak bytes of an import per n-gram, while all are sorted and linked."""
IMPORT_SECONDS_PER_NGRAM = 1e-5
"""Seconds of an import per n-gram."""
FLOPS_PER_THREAD = 2e10
"""Floating-point operations per second of one thread in training."""
MEMORY_BYTES_PER_SECOND = 5e9
"""Bytes per second that one thread reads or writes in memory."""
_LONGEST_AMOUNT = 1e15
"""Amounts above are not written out."""
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
        units = {"parameters": "parameters", "memory_bytes": "bytes of memory", "seconds": "seconds"}
        for name, unit in units.items():
            amount, limit = getattr(estimate, name), getattr(self, name)
            if amount > limit:
                message = f"{_readable(amount)} {unit}, and at most {limit:,.0f} are allowed"
                raise TooExpensive("config", f"this job would take about {message}")


@contextmanager
def refuse_overflow() -> Iterator[None]:
    """Raise TooExpensive for a job whose size is beyond all numbers."""
    try:
        yield
    except OverflowError:
        raise TooExpensive("config", "this job would take more than can be estimated") from None


def _readable(amount: float) -> str:
    """Format an amount, of which a request can make any number of digits."""
    return f"{amount:,.0f}" if amount < _LONGEST_AMOUNT else f"more than {_LONGEST_AMOUNT:,.0f}"


def estimate_training(
    recipe: Recipe, text_bytes: int, threads: int, file_vocabulary: int | None = None
) -> ResourceEstimate:
    """Estimate building a recipe from `text_bytes` of text.

    `file_vocabulary`: size of the vocabulary in the tokenizer's file, None where the text makes one.
    """
    if file_vocabulary is None:
        tokens, vocabulary = tokens_and_vocabulary(recipe.tokenizer, text_bytes)
    else:
        tokens, vocabulary = max(1, text_bytes // BYTES_PER_BPE_TOKEN), file_vocabulary
    with refuse_overflow():
        if isinstance(recipe.model, NgramConfig):
            estimate = _estimate_ngram(recipe.model, tokens, vocabulary, recipe.memory)
            return replace(estimate, seconds=estimate.seconds * (2 if recipe.is_refitted else 1))
        return _estimate_recurrent(recipe.model, recipe.training or TrainingConfig(), tokens, vocabulary, threads)


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


def tokens_and_vocabulary(tokenizer: TokenizerConfig, text_bytes: int) -> tuple[int, int]:
    """Return token count and vocabulary size; words grow with the square root of the text (Heaps' law)."""
    if tokenizer.kind == "character":
        return text_bytes, CHARACTER_VOCABULARY
    if tokenizer.kind in ("bpe", "unigram"):
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
