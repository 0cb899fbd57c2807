"""Generation of texts, a token a step, by any number of sequences in a batch that they join and leave.

`generate` drives sequences to their ends; a service joins and steps a `Batch` itself. A sequence has its own random
numbers, so its tokens do not depend on the sequences beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import numpy as np

from models.errors import InvalidInput
from models.inference.alternatives import best_tokens
from models.inference.config import SamplingParams
from models.inference.prefill import PromptPrefill, Runtime, prefill_prompts
from models.inference.sampling import BatchSampler, sampling_probabilities
from models.inference.sequence import GenerationSequence, StepOutput
from models.kernels.sampling import SamplingMetadata
from models.language_model import LanguageModel
from models.model import Floats, TokenIds
from models.special_tokens import EOS
from models.state import State, concat, select
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion


class Batch:
    """The sequences that one model generates together: each step gives every one of them a token."""

    def __init__(self, model: LanguageModel) -> None:
        self.sequences: list[GenerationSequence] = []
        """Row i of the state belongs to sequence i."""
        self._model = model
        self._state: State = model.begin_state(0)
        self._sampler = BatchSampler()
        self._best_count = 0
        """The most alternatives that a sequence of the batch asks for; 1 for sampling probabilities alone."""

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
        sampling = self._sampler.next_metadata()
        outputs, results = self._try_all_rows(
            lambda state, row: self._step_rows(
                state, *((sampling, self.sequences) if row is None else (sampling.for_row(row), [self.sequences[row]]))
            )
        )
        if self.sequences:
            if len(results) > 3:
                self._append_alternatives(*cast("tuple[Floats, TokenIds, Floats]", results[3:]))
            tokens, logprobs, self._state = cast("tuple[TokenIds, Floats, State]", results[:3])
            outputs += self._extend_sequences(tokens, logprobs)
        return outputs

    def evict(self, sequence: GenerationSequence) -> StepOutput | None:
        """Cancel a sequence; None when it is not here, having ended on its own."""
        if sequence not in self.sequences:
            return None
        output = sequence.finish("cancelled")
        self._drop_finished()
        return output

    def _step_rows(
        self, state: State, sampling: SamplingMetadata, sequences: Sequence[GenerationSequence]
    ) -> tuple[State, ...]:
        """Do as `LanguageModel.step`; where a sequence asks for alternatives, return them as well.

        They are log P and ids [B, K] of the model's most probable tokens, and the probabilities [B, 1 + K] of drawing
        the token and each of these, 0 where a sequence does not ask for them.
        """
        if not self._best_count:
            return self._model.step(state, sampling)
        rows = self._model.logprobs(state)
        best_logprobs, best = best_tokens(rows, self._best_count)
        drawn_from = {
            row: sampling_probabilities(rows[row], sequence.params, sequence.adjustment)
            for row, sequence in enumerate(sequences)
            if sequence.params.sampling_probabilities
        }
        tokens, logprobs = sampling.sample(rows)
        places = np.maximum(tokens, 0)[:, None]
        probabilities = np.zeros((len(tokens), 1 + best.shape[1]), np.float32)
        for row, distribution in drawn_from.items():
            probabilities[row] = distribution[np.append(places[row], best[row])]
        return tokens, logprobs, self._model.advance(state, places), best_logprobs, best, probabilities

    def _append_alternatives(self, logprobs: Floats, ids: TokenIds, probabilities: Floats) -> None:
        """Append to each sequence the most probable tokens [B, K] and the probabilities that it asks for."""
        for row, sequence in enumerate(self.sequences):
            count = sequence.params.top_logprobs
            if count:
                best = zip(ids[row, :count].tolist(), logprobs[row, :count].tolist(), strict=True)
                sequence.alternatives.append(tuple(best))
            if sequence.params.sampling_probabilities:
                sequence.sampling_probabilities.append(tuple(probabilities[row, : 1 + count].tolist()))

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
        counts = (max(p.top_logprobs, int(p.sampling_probabilities)) for p in (each.params for each in self.sequences))
        self._best_count = max(counts, default=0)


def prompt_prefills(
    model: LanguageModel, sequences: Sequence[GenerationSequence], runtime: Runtime, end_state: State | None = None
) -> list[PromptPrefill]:
    """Return what has to be read for each sequence before its first step; equal prompts share one prefill.

    `end_state`: the one-row state after the prompt of all, where that has been read.
    """
    prefills: dict[tuple[str, tuple[int, ...]], PromptPrefill] = {}
    for sequence in sequences:
        key = (sequence.params.start, sequence.prompt)
        if key not in prefills:
            ids, bos = np.array(sequence.prompt, np.int32), sequence.params.start == "boundary"
            prefills[key] = PromptPrefill(model, ids, runtime, bos=bos, end_state=end_state)
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
