"""Generation of texts, a token a step, by any number of sequences in a batch that they join and leave.

`generate` drives sequences to their ends; a service joins and steps a `Batch` itself. A sequence has its own random
numbers, so its tokens do not depend on the sequences beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import fsum
from typing import Any, NamedTuple, cast

import numpy as np

from models.errors import InvalidInput
from models.inference.adjustment import make_adjustment
from models.inference.alternatives import best_tokens
from models.inference.config import FinishReason, SampledEnd, SamplingParams, TokenLogprobs
from models.inference.prefill import PromptPrefill, Runtime, prefill_prompts
from models.inference.sampling import BatchSampler, not_finite_error, random_generator
from models.inference.stop_strings import StopStrings
from models.kernels.sampling import NO_TOKEN, NOT_FINITE, SamplingMetadata
from models.language_model import LanguageModel
from models.model import Floats, TokenIds
from models.special_tokens import EOS
from models.state import State, concat, select
from models.tokenization.detokenizer import Detokenizer
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion


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

        Its alternatives, where they are wanted, have been appended before.
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
        if token == NOT_FINITE:
            return self.fail(not_finite_error())
        if token == NO_TOKEN:
            return self.finish("no_continuation")
        self.end = SampledEnd(logprob, alternatives)
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


class Batch:
    """The sequences that one model generates together: each step gives every one of them a token."""

    def __init__(self, model: LanguageModel) -> None:
        self.sequences: list[GenerationSequence] = []
        """Row i of the state belongs to sequence i."""
        self._model = model
        self._state: State = model.begin_state(0)
        self._sampler = BatchSampler()
        self._best_count = 0
        """The most alternatives that a sequence of the batch asks for."""

    def __len__(self) -> int:
        """Return how many sequences are in the batch."""
        return len(self.sequences)

    def admit(self, sequences: Sequence[GenerationSequence]) -> None:
        """Read the prompts at once and add the sequences; they get their first token at the next step."""
        if sequences:
            runtime = Runtime.default_for(self._model)
            prompts = prompt_prefills(self._model, sequences, runtime)
            self.join(sequences, run_to_completion(prefill_prompts(self._model, prompts, runtime)))

    def join(self, sequences: Sequence[GenerationSequence], state: State) -> None:
        """Add sequences whose prompts are read, row i of `state` for sequence i; leave out those now finished."""
        self._state = concat([self._state, state])
        params, generators = [each.params for each in sequences], [each.generator for each in sequences]
        self._sampler.join(params, generators, [each.adjustment for each in sequences])
        self.sequences += sequences
        self._count_best()
        self._drop_finished()

    def step(self) -> list[StepOutput]:
        """Sample a token for each sequence and read it; return the outputs that somebody has to know of.

        Sequences that end leave the batch. One that the model fails on keeps the error and ends; the others go on.
        """
        if not self.sequences:
            return []
        sampling, step = self._sampler.next_metadata(), self._step_with_best if self._best_count else self._model.step
        outputs, results = self._try_all_rows(
            lambda state, row: step(state, sampling if row is None else sampling.for_row(row))
        )
        if self.sequences:
            tokens, logprobs, self._state, *best = cast("tuple[TokenIds, Floats, State, Any, Any]", results)
            if best:
                self._append_alternatives(*best)
            outputs += self._extend_sequences(tokens, logprobs)
        return outputs

    def evict(self, sequence: GenerationSequence) -> StepOutput | None:
        """Cancel a sequence; None when it is not here, having ended on its own."""
        if sequence not in self.sequences:
            return None
        output = sequence.finish("cancelled")
        self._drop_finished()
        return output

    def _step_with_best(self, state: State, sampling: SamplingMetadata) -> tuple[State, ...]:
        """Do as `LanguageModel.step`; return the model's most probable tokens as well: log P and ids [B, K]."""
        rows = self._model.logprobs(state)
        best = best_tokens(rows, self._best_count)
        tokens, logprobs = sampling.sample(rows)
        return tokens, logprobs, self._model.advance(state, np.maximum(tokens, 0)[:, None]), *best

    def _append_alternatives(self, logprobs: Floats, ids: TokenIds) -> None:
        """Append to each sequence as many of the most probable tokens [B, K] as it asks for."""
        for row, sequence in enumerate(self.sequences):
            if count := sequence.params.top_logprobs:
                best = zip(ids[row, :count].tolist(), logprobs[row, :count].tolist(), strict=True)
                sequence.alternatives.append(tuple(best))

    def _extend_sequences(self, tokens: TokenIds, logprobs: Floats) -> list[StepOutput]:
        """Append a token [B], sampled with log P [B], to each sequence."""
        rows = zip(self.sequences, tokens.tolist(), logprobs.tolist(), strict=True)
        outputs = [output for sequence, token, logprob in rows if (output := sequence.extend(token, logprob))]
        if any(output.finish_reason for output in outputs):
            self._drop_finished()
        return outputs

    def _try_all_rows(self, work: Callable[[State, int | None], State]) -> tuple[list[StepOutput], State]:
        """Call `work` with all rows or, where it fails, with each alone; return the failures' outputs too."""
        try:
            return [], work(self._state, None)
        except Exception:  # whatever a model may raise: one by one it shows whose it is
            return self._try_each_row(work)

    def _try_each_row(self, work: Callable[[State, int | None], State]) -> tuple[list[StepOutput], State]:
        outputs, results = [], []
        for row, sequence in enumerate(self.sequences):
            try:
                results.append(work(select(self._state, [row]), row))
            except Exception as error:
                outputs.append(sequence.fail(error))
        self._drop_finished()
        return outputs, concat(results) if results else self._state

    def _drop_finished(self) -> None:
        staying = [row for row, sequence in enumerate(self.sequences) if sequence.finish_reason is None]
        if len(staying) < len(self.sequences):
            self._state = select(self._state, staying)
            self._sampler.keep(staying)
            self.sequences = [self.sequences[row] for row in staying]
            self._count_best()

    def _count_best(self) -> None:
        self._best_count = max((sequence.params.top_logprobs for sequence in self.sequences), default=0)


def prompt_prefills(
    model: LanguageModel, sequences: Sequence[GenerationSequence], runtime: Runtime
) -> list[PromptPrefill]:
    """Return what has to be read for each sequence before its first step; equal prompts share one prefill."""
    prefills: dict[tuple[str, tuple[int, ...]], PromptPrefill] = {}
    for sequence in sequences:
        key = (sequence.params.start, sequence.prompt)
        if key not in prefills:
            ids, bos = np.array(sequence.prompt, np.int32), sequence.params.start == "boundary"
            prefills[key] = PromptPrefill(model, ids, runtime, bos=bos)
        sequence.cached_tokens = prefills[key].cached_tokens
    return [prefills[sequence.params.start, sequence.prompt] for sequence in sequences]


def make_sequences(tokenizer: Tokenizer, prompt: str, params: SamplingParams, n: int = 1) -> list[GenerationSequence]:
    """Return `n` sequences that continue `prompt`, each with random numbers of its own from the one seed.

    Their text goes on where the prompt ends: it begins with a blank where a word follows a word.
    Raises InvalidText for a prompt that is not Unicode, InvalidInput as `sequences_from_ids` does.
    """
    return sequences_from_ids(tokenizer, tokenizer.encode_batch([prompt]).ids.tolist(), params, n)


def sequences_from_ids(
    tokenizer: Tokenizer, ids: Sequence[int], params: SamplingParams, n: int = 1
) -> list[GenerationSequence]:
    """Return what `make_sequences` does, for a prompt that is encoded already.

    Raises InvalidInput for a logit bias of an id that no token has.
    """
    if any(token >= tokenizer.vocabulary_size for token, _ in params.logit_bias):
        raise InvalidInput("logit_bias", f"token ids are 0 to {tokenizer.vocabulary_size - 1}")
    # A line is spaced without regard to the lines before it.
    line = list(ids[len(ids) - ids[::-1].index(EOS) :] if EOS in ids else ids)
    return [GenerationSequence(ids, params, tokenizer.detokenizer(line), index) for index in range(n)]


def generate(model: LanguageModel, sequences: Sequence[GenerationSequence]) -> Iterator[StepOutput]:
    """Drive sequences to their ends, as one batch. Raises what the model fails with."""
    batch = Batch(model)
    batch.admit(sequences)
    while batch:
        for output in batch.step():
            if output.sequence.error:
                raise output.sequence.error
            yield output
