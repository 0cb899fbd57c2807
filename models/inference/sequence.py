"""GenerationSequence: a text that is being generated, and what a decode step did to it."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import NamedTuple

from models.inference.adjustment import make_adjustment
from models.inference.config import FinishReason, SampledEnd, SamplingParams, TokenLogprobs
from models.inference.sampling import not_finite_error, random_generator
from models.inference.stop_strings import StopStrings
from models.kernels.sampling import NO_TOKEN, NOT_FINITE
from models.special_tokens import EOS
from models.tokenization.detokenizer import Detokenizer


class GenerationSequence:
    """A text that is being generated: its prompt, its tokens so far, and why it ended."""

    def __init__(self, prompt: Sequence[int], params: SamplingParams, detokenizer: Detokenizer, index: int = 0) -> None:
        """Continue `prompt` (ids); `index` tells the samples of one prompt and seed apart."""
        self.prompt = tuple(prompt)
        self.params = params
        self.index = index
        self.tokens: list[int] = []
        """Sampled so far, those that make up a stop string included, `</s>` not."""
        self.logprobs: list[float] = []
        """The model's own log P of each token in nats, whatever temperature and filters made of it."""
        self.alternatives: list[TokenLogprobs] = []
        """The model's most probable tokens in place of each token, where the parameters ask for them."""
        self.sampling_probabilities: list[tuple[float, ...]] = []
        """The probability of drawing each token, and then each of its alternatives, where the parameters ask for it."""
        self.end: SampledEnd | None = None
        """The `</s>` that ended the text, where one did."""
        self.text = ""
        """What is certain so far; at the end the whole text."""
        self.cached_tokens = 0
        """How many tokens of the prompt a cached prefix spared."""
        self.streamed = True
        """Whether the text is read as it grows. If not, it is made at the end, unless a stop string may end it."""
        self.finish_reason: FinishReason | None = None
        self.error: Exception | None = None
        """What the model failed with, where it did."""
        self.generator = random_generator(params.seed, index)
        self.adjustment = make_adjustment(params, self.prompt, self.tokens)
        self._detokenizer = detokenizer
        self._detokenized = 0
        self._stops = StopStrings(params.stop)
        # Copied, because they are looked at for every text after every token.
        self._max_tokens, self._may_stop = params.max_tokens, bool(params.stop)

    @property
    def logprob(self) -> float:
        """Log P of the tokens so far, given the prompt, in nats: the same number that scoring them gives."""
        return fsum(self.logprobs)

    def extend(self, token: int, logprob: float) -> StepOutput | None:
        """Append a sampled token and the model's log P of it; None where nobody reads the text meanwhile.

        Its alternatives and sampling probabilities, where they are wanted, have been appended before.
        """
        if token == EOS or token < 0:
            return self._finish_on(token, logprob)
        self.tokens.append(token)
        self.logprobs.append(logprob)
        last = len(self.tokens) == self._max_tokens
        if not (last or self.streamed or self._may_stop):
            return None
        text = self._detokenize_new()
        if self._stops.matched:
            return self.finish("stop", text, token)
        if last:
            return self.finish("length", text, token)
        self.text += text
        return StepOutput(self, token, logprob, text)

    def finish(self, reason: FinishReason, text: str = "", token: int | None = None) -> StepOutput:
        """End here, with `text` and what was held back because it might have begun a stop string."""
        text += self._detokenize_new() + self._stops.flush()
        self.text += text
        self.finish_reason = reason
        return StepOutput(self, token, None if token is None else self.logprobs[-1], text, reason)

    def fail(self, error: Exception) -> StepOutput:
        """End here because the model failed."""
        self.error = error
        return self.finish("failed")

    def _finish_on(self, token: int, logprob: float) -> StepOutput:
        """End the text at a token that ends it: `</s>`, NO_TOKEN or NOT_FINITE."""
        alternatives = self.alternatives.pop() if self.params.top_logprobs else ()
        probabilities = self.sampling_probabilities.pop() if self.params.sampling_probabilities else ()
        if token == NOT_FINITE:
            return self.fail(not_finite_error())
        if token == NO_TOKEN:
            return self.finish("no_continuation")
        self.end = SampledEnd(logprob, alternatives, probabilities)
        return self.finish("end")

    def _detokenize_new(self) -> str:
        """Return what is certain now of the text of the tokens that are not part of it yet."""
        new = self.tokens[self._detokenized :]
        self._detokenized = len(self.tokens)
        return self._stops.push("".join(map(self._detokenizer.push, new)))


class StepOutput(NamedTuple):
    """Effect of a decode step on a sequence."""

    sequence: GenerationSequence
    token: int | None
    """Sampled now; None where the sequence ends without one."""
    logprob: float | None
    """The model's log P of the token in nats."""
    text: str
    """Newly certain, often empty: what may belong to a stop string is held back."""
    finish_reason: FinishReason | None = None
    """Set in the last output of a sequence."""
