"""Generation: sequences that grow by a token a step, any number of them in one batch that they join and leave.

It knows when a sequence ends and how rows of a state come together and part; it does not know who drives the steps,
nor how a token is chosen (`sampling`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as Several
from math import fsum
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from models.inference.config import FinishReason, SamplingParams
from models.inference.prefill import PromptPrefill, prefill
from models.inference.sampling import BatchSampler, not_finite_error, random_generator
from models.inference.stop_strings import StopStrings
from models.kernels.sampling import NO_TOKEN, NOT_FINITE
from models.language_model import LanguageModel
from models.special_tokens import EOS
from models.state import State, concat, select
from models.tokenization.detokenizer import Detokenizer
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion


class GenerationSequence:
    """One text in the making. It has its own random numbers, so its tokens are the same alone or in company."""

    def __init__(self, prompt: Several[int], params: SamplingParams, detokenizer: Detokenizer, index: int = 0) -> None:
        """Continue `prompt` (ids); `index` tells the samples of one prompt and seed apart."""
        self.prompt = tuple(prompt)
        self.params = params
        self.index = index
        self.tokens: list[int] = []
        """Chosen so far, those that make up a stop string included, `</s>` not."""
        self.logprobs: list[float] = []
        """The model's own log P of each in nats, whatever temperature and filters made of it."""
        self.text = ""
        """What is certain so far; at the end the whole text."""
        self.cached_tokens = 0
        """How many tokens of the prompt did not have to be read, since a cache knew what comes of them."""
        self.streamed = True
        """Whether somebody reads it as it grows. Else its text is made at its end, unless a stop string may end it."""
        self.finish_reason: FinishReason | None = None
        self.error: Exception | None = None
        """What the model failed with, where it did."""
        self._detokenizer = detokenizer
        self._detokenized = 0
        self._stops = StopStrings(params.stop)
        # Asked of every text after every token: `params` would be one more place in memory to look at.
        self._max_tokens, self._may_stop = params.max_tokens, bool(params.stop)
        self.generator = random_generator(params.seed, index)

    @property
    def logprob(self) -> float:
        """Log P of the tokens so far, given the prompt, in nats: what scoring says of them."""
        return fsum(self.logprobs)

    def extend(self, token: int, logprob: float) -> StepOutput | None:
        """Go on with a token that a model chose, and the model's log P of it in nats; None if nobody has to know."""
        if token == EOS or token < 0:
            return self._finish_on(token)
        self.tokens.append(token)
        self.logprobs.append(logprob)
        last = len(self.tokens) == self._max_tokens
        if not (last or self.streamed or self._may_stop):
            return None
        piece = self._detokenize_new()
        if self._stops.matched:
            return self.finish("stop", piece, token)
        if last:
            return self.finish("length", piece, token)
        self.text += piece
        return StepOutput(self, token, logprob, piece)

    def _finish_on(self, token: int) -> StepOutput:
        """End with what no text goes on with."""
        if token == NOT_FINITE:
            return self.fail(not_finite_error())
        return self.finish("no_continuation" if token == NO_TOKEN else "end")

    def finish(self, reason: FinishReason, piece: str = "", token: int | None = None) -> StepOutput:
        """End here, with `piece` and what was held back for fear of a stop string."""
        piece += self._detokenize_new() + self._stops.flush()
        self.text += piece
        self.finish_reason = reason
        return StepOutput(self, token, None if token is None else self.logprobs[-1], piece, reason)

    def _detokenize_new(self) -> str:
        """What is certain now of the text of tokens that it was not made of yet."""
        fresh = self.tokens[self._detokenized :]
        self._detokenized = len(self.tokens)
        return self._stops.push("".join(map(self._detokenizer.push, fresh)))

    def fail(self, error: Exception) -> StepOutput:
        """End here because the model failed."""
        self.error = error
        return self.finish("failed")


class StepOutput(NamedTuple):
    """What one step did to one sequence."""

    sequence: GenerationSequence
    token: int | None
    """Chosen now; None when the sequence ends without one."""
    logprob: float | None
    """The model's log P of it in nats."""
    text: str
    """Newly certain, often empty: what may belong to a stop string is held back."""
    finish_reason: FinishReason | None = None
    """Set in the last event of a sequence."""


class Batch:
    """The sequences that one model works on together: each step gives every one of them a token."""

    def __init__(self, model: LanguageModel) -> None:
        self.sequences: list[GenerationSequence] = []
        """Row i of the state belongs to sequence i."""
        self._model = model
        self._state: State = model.begin_state(0)
        self._sampler = BatchSampler()

    def __len__(self) -> int:
        """How many sequences are under way."""
        return len(self.sequences)

    def admit(self, sequences: Several[GenerationSequence]) -> None:
        """Read the prompts at once and take the sequences in; they get their first token at the next step."""
        if sequences:
            self.join(sequences, run_to_completion(prefill(self._model, prompt_prefills(self._model, sequences))))

    def join(self, sequences: Several[GenerationSequence], state: State) -> None:
        """Take in sequences whose prompts were read before; row i of `state` belongs to sequence i.

        Those that have been finished meanwhile stay out.
        """
        self._state = concat([self._state, state])
        self._sampler.join([one.params for one in sequences], [one.generator for one in sequences])
        self.sequences += sequences
        self._drop_finished()

    def step(self) -> list[StepOutput]:
        """One token for each sequence, which is read at once; those that end leave. An event for each that is watched.

        A sequence that the model fails on keeps the error and ends; the others go on.
        """
        if not self.sequences:
            return []
        how = self._sampler.next_metadata()
        events, found = self._try_all_rows(
            lambda state, row: self._model.step(state, how if row is None else how.for_row(row))
        )
        if self.sequences:
            tokens, logprobs, self._state = cast("tuple[NDArray[np.int64], NDArray[np.float32], State]", found)
            events += self._extend_sequences(tokens, logprobs)
        return events

    def _extend_sequences(self, tokens: NDArray[np.int64], logprobs: NDArray[np.float32]) -> list[StepOutput]:
        """A token each [B], chosen with log P [B]."""
        found = zip(self.sequences, tokens.tolist(), logprobs.tolist(), strict=True)
        events = [event for sequence, token, logprob in found if (event := sequence.extend(token, logprob))]
        if any(event.finish_reason for event in events):
            self._drop_finished()
        return events

    def _try_all_rows(self, work: Callable[[State, int | None], State]) -> tuple[list[StepOutput], State]:
        """What `work` makes of all rows at once or, where it fails, of each alone; those that it fails on leave."""
        try:
            return [], work(self._state, None)
        except Exception:  # whatever a model may raise: one by one it shows whose it is
            return self._try_each_row(work)

    def _try_each_row(self, work: Callable[[State, int | None], State]) -> tuple[list[StepOutput], State]:
        events, made = [], []
        for row, sequence in enumerate(self.sequences):
            try:
                made.append(work(select(self._state, [row]), row))
            except Exception as error:
                events.append(sequence.fail(error))
        self._drop_finished()
        return events, concat(made) if made else self._state

    def evict(self, sequence: GenerationSequence) -> StepOutput | None:
        """Cancel a sequence; None when it is not here, having ended on its own."""
        if sequence not in self.sequences:
            return None
        event = sequence.finish("cancelled")
        self._drop_finished()
        return event

    def _drop_finished(self) -> None:
        staying = [row for row, sequence in enumerate(self.sequences) if sequence.finish_reason is None]
        if len(staying) < len(self.sequences):
            self._state = select(self._state, staying)
            self._sampler.keep(staying)
            self.sequences = [self.sequences[row] for row in staying]


def prompt_prefills(model: LanguageModel, sequences: Several[GenerationSequence]) -> list[PromptPrefill]:
    """What has to be read for each sequence before its first step; equal prompts are one row."""
    rows: dict[tuple[str, tuple[int, ...]], PromptPrefill] = {}
    for sequence in sequences:
        key = (sequence.params.start, sequence.prompt)
        if key not in rows:
            rows[key] = PromptPrefill(
                model, np.array(sequence.prompt, np.int32), bos=sequence.params.start == "boundary"
            )
        sequence.cached_tokens = rows[key].cached_tokens
    return [rows[sequence.params.start, sequence.prompt] for sequence in sequences]


def make_sequences(tokenizer: Tokenizer, prompt: str, params: SamplingParams, n: int = 1) -> list[GenerationSequence]:
    """`n` sequences that continue `prompt`, each with random numbers of its own derived from the one seed.

    Their text goes on where the prompt ends: it begins with a blank where a word follows a word.
    Raises InvalidText for a prompt that is not Unicode.
    """
    ids = tokenizer.encode_ids(prompt)
    # A line is spaced without regard to the lines before it.
    line = ids[len(ids) - ids[::-1].index(EOS) :] if EOS in ids else ids
    return [GenerationSequence(ids, params, tokenizer.detokenizer(line), index) for index in range(n)]


def generate(model: LanguageModel, sequences: Several[GenerationSequence]) -> Iterator[StepOutput]:
    """Drive sequences to their ends, as one batch. Raises what the model fails with."""
    batch = Batch(model)
    batch.admit(sequences)
    while batch:
        for event in batch.step():
            if event.sequence.error:
                raise event.sequence.error
            yield event
