"""Generation: sequences that grow by a token a step, any number of them in one batch that they join and leave.

It knows when a sequence ends and how rows of a state come together and part; it does not know who drives the steps,
nor how a token is chosen (`sampling`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from collections.abc import Sequence as Several
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from models.base import EOS, LanguageModel, State, concat, select
from models.sampling import SamplingParams, random_numbers, sample
from models.scoring import drain, padded
from models.stopping import StopStrings
from models.tokenizer import Detokenizer, Tokenizer

FinishReason: TypeAlias = Literal["stop", "end", "length", "no_continuation", "cancelled"]
"""A stop string came, `</s>` was chosen, max_tokens were, every token left is excluded or impossible, or evicted."""


class Sequence:
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
        self.finish_reason: FinishReason | None = None
        self._detokenizer = detokenizer
        self._stops = StopStrings(params.stop)
        self._numbers = random_numbers(params.seed, index)

    @property
    def logprob(self) -> float:
        """Log P of the tokens so far, given the prompt, in nats: what scoring says of them."""
        return float(np.sum(self.logprobs))

    def extend(self, logprobs: NDArray[np.float32]) -> Event:
        """Choose the next token from the model's log-probabilities [V]."""
        token = sample(logprobs, self.params, self._numbers)
        if token is None:
            return self.finish("no_continuation")
        if token == EOS:
            return self.finish("end")
        self.tokens.append(token)
        self.logprobs.append(float(logprobs[token]))
        piece = self._stops.push(self._detokenizer.push(token))
        if self._stops.found:
            return self.finish("stop", piece, token)
        if len(self.tokens) == self.params.max_tokens:
            return self.finish("length", piece, token)
        self.text += piece
        return Event(self, token, self.logprobs[-1], piece)

    def finish(self, reason: FinishReason, piece: str = "", token: int | None = None) -> Event:
        """End here, with `piece` and what was held back for fear of a stop string."""
        piece += self._stops.flush()
        self.text += piece
        self.finish_reason = reason
        return Event(self, token, None if token is None else self.logprobs[-1], piece, reason)


@dataclass(frozen=True)
class Event:
    """What one step did to one sequence."""

    sequence: Sequence
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
        self.sequences: list[Sequence] = []
        """Row i of the state belongs to sequence i."""
        self._model = model
        self._state: State = model.start(0)

    def __len__(self) -> int:
        """How many sequences are under way."""
        return len(self.sequences)

    def admit(self, sequences: Several[Sequence]) -> None:
        """Read the prompts at once and take the sequences in; they get their first token at the next step."""
        if sequences:
            self.join(sequences, drain(prefill(self._model, sequences)))

    def join(self, sequences: Several[Sequence], state: State) -> None:
        """Take in sequences whose prompts were read before; row i of `state` belongs to sequence i.

        Those that have been finished meanwhile stay out.
        """
        self._state = concat([self._state, state])
        self.sequences += sequences
        self._drop_finished()

    def step(self) -> list[Event]:
        """One token for each sequence; those that end leave. One event a sequence, in their order."""
        if not self.sequences:
            return []
        rows = self._model.logprobs(self._state).numpy()
        events = [sequence.extend(row) for sequence, row in zip(self.sequences, rows, strict=True)]
        self._drop_finished()
        if self.sequences:
            self._state = self._model.advance(self._state, torch.tensor([s.tokens[-1:] for s in self.sequences]))
        return events

    def evict(self, sequence: Sequence) -> Event | None:
        """Cancel a sequence; None when it is not here, having ended on its own."""
        if sequence not in self.sequences:
            return None
        event = sequence.finish("cancelled")
        self._drop_finished()
        return event

    def _drop_finished(self) -> None:
        staying = [row for row, sequence in enumerate(self.sequences) if sequence.finish_reason is None]
        if len(staying) < len(self.sequences):
            self._state = select(self._state, torch.tensor(staying, dtype=torch.int64))
            self.sequences = [self.sequences[row] for row in staying]


def prefill(model: LanguageModel, sequences: Several[Sequence]) -> Generator[int, None, State]:
    """The state after each sequence's prompt, row i for sequence i; yields after each slice how many tokens it held.

    Each different prompt is read once, however many samples it has.
    """
    keys = [(sequence.params.start, sequence.prompt) for sequence in sequences]
    rows = {key: row for row, key in enumerate(dict.fromkeys(keys))}
    state = concat([model.start(1) if start == "boundary" else model.blank(1) for start, _ in rows])
    prompts = [np.array(prompt, np.int32) for _, prompt in rows]
    width = max(1, model.slice_tokens // len(rows))
    for begin in range(0, max(map(len, prompts)), width):
        tokens, lengths = padded([prompt[begin : begin + width] for prompt in prompts])
        state = model.advance(state, tokens, lengths)
        yield int(lengths.sum())
    return select(state, torch.tensor([rows[key] for key in keys]))


def samples(tokenizer: Tokenizer, prompt: str, params: SamplingParams, n: int = 1) -> list[Sequence]:
    """`n` sequences that continue `prompt`, each with random numbers of its own derived from the one seed.

    Their text goes on where the prompt ends: it begins with a blank where a word follows a word.
    Raises InvalidText for a prompt that is not Unicode.
    """
    ids = tokenizer.encode(prompt).ids
    # A line is spaced without regard to the lines before it.
    line = ids[np.append(0, np.flatnonzero(ids == EOS) + 1)[-1] :]
    return [Sequence(ids.tolist(), params, tokenizer.detokenizer(line.tolist()), index) for index in range(n)]


def generate(model: LanguageModel, sequences: Several[Sequence]) -> Iterator[Event]:
    """Drive sequences to their ends, as one batch."""
    batch = Batch(model)
    batch.admit(sequences)
    while batch:
        yield from batch.step()
