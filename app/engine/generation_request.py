"""The data of a generation: what goes into the engine, and what comes out of it.

Both are plain values without references to models, event loops or requests, so that they could leave the process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import fsum
from time import perf_counter
from typing import NamedTuple

from app.core.metrics import TextTimes
from models.inference.config import FinishReason, SampledEnd, SamplingParams, TokenLogprobs
from models.state import State


@dataclass(frozen=True)
class GenerationRequest:
    """A prompt to be continued by one or more texts."""

    id: int
    """Unique within one engine."""
    prompt: tuple[int, ...]
    """Token ids."""
    params: SamplingParams
    """For every text; each has random numbers of its own, derived from the one seed."""
    n: int = 1
    """Number of texts."""
    streaming: bool = False
    """Whether chunks are wanted as texts grow; otherwise one chunk comes when a text has ended."""
    end_state: State | None = field(default=None, compare=False)
    """The model's one-row state after the prompt, where that has been read already."""
    asked_at: float = field(default_factory=perf_counter, compare=False)
    """Moment of the request, as perf_counter() tells it."""


class PromptPhases(NamedTuple):
    """When the prompt of a request began to be read, and when it had been; as perf_counter() tells it."""

    began_at: float
    read_at: float


@dataclass(slots=True)
class GenerationChunk:
    """Tokens and text that one text of a request has gained since the chunk before."""

    request_id: int
    index: int
    """Which text of the request, from 0."""
    tokens: list[int]
    logprobs: list[float]
    """The model's log P of each token, in nats."""
    text: str
    """Newly certain, often empty: what may belong to a stop string is held back."""
    finish_reason: FinishReason | None
    """Set in the last chunk of a text."""
    cached_tokens: int
    """How many tokens of the prompt came from the prefix cache instead of being read."""
    error: Exception | None = None
    """What the model failed with, where `finish_reason` is `failed`."""
    alternatives: list[TokenLogprobs] = field(default_factory=list)
    """The model's most probable tokens in place of each token, where they are asked for."""
    end: SampledEnd | None = None
    """The `</s>` that ended the text, where one did."""
    sampling_probabilities: list[tuple[float, ...]] = field(default_factory=list)
    """The probability of drawing each token, and then each of its alternatives, where it is asked for."""
    times: TextTimes | None = None
    """Set in the last chunk of a text that has had a token."""
    phases: PromptPhases | None = None
    """Set in the first chunk of a text."""

    @property
    def logprob(self) -> float:
        """Log P of the chunk's tokens, in nats."""
        return fsum(self.logprobs)

    def extend(self, later: GenerationChunk) -> None:
        """Append the chunk that comes after this one."""
        self.tokens.extend(later.tokens)
        self.logprobs.extend(later.logprobs)
        self.alternatives.extend(later.alternatives)
        self.sampling_probabilities.extend(later.sampling_probabilities)
        self.text += later.text
        self.end, self.finish_reason, self.error = later.end, later.finish_reason, later.error
