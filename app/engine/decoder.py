"""Decoder: the texts of one model that are being generated, in one batch that requests join and leave.

Requests wait for rows, first come, first served; prompts are read in chunks beside the batch (prefill); then every text
gets one token per decode step. Runs in the scheduler's thread.
"""

from __future__ import annotations

from collections import deque
from time import perf_counter

from app.core.metrics import TextTimes
from app.engine.chunked_task import DECODING_CHUNK_SECONDS, IDLE_CHUNK_SECONDS, ChunkSizer
from app.engine.generation_request import GenerationChunk, GenerationRequest, PromptPhases
from app.engine.outbox import Outbox
from models.inference.generation import Batch, prompt_prefills, sequences_from_ids
from models.inference.prefill import PromptPrefill, Runtime, prefill_chunk, unfinished
from models.inference.sequence import GenerationSequence, StepOutput
from models.language_model import LanguageModel
from models.state import concat
from models.tokenization.tokenizer import Tokenizer


class _Generation:
    """A request under way: its texts, and how much of each has left the engine."""

    def __init__(self, request: GenerationRequest, tokenizer: Tokenizer) -> None:
        self.request = request
        self.sequences = sequences_from_ids(tokenizer, request.prompt, request.params, request.n)
        self._sent_tokens = [0] * request.n
        self._sent_characters = [0] * request.n
        self.first_token_at: float | None = None
        """Moment of the step that gave its texts their first token, as perf_counter() tells it."""
        self.began_at = self.read_at = 0.0
        """When the prompt began to be read, and when it had been; as perf_counter() tells it."""
        for sequence in self.sequences:
            sequence.streamed = request.streaming

    def next_chunk(self, sequence: GenerationSequence) -> GenerationChunk:
        """Return what a text has gained since its chunk before."""
        index = sequence.index
        begin = self._sent_tokens[index]
        tokens, text = sequence.tokens[begin:], sequence.text[self._sent_characters[index] :]
        self._sent_tokens[index] += len(tokens)
        self._sent_characters[index] += len(text)
        logprobs, reason, cached = sequence.logprobs[begin:], sequence.finish_reason, sequence.cached_tokens
        alternatives = sequence.alternatives[begin : begin + len(tokens)]
        times = self._times(sequence) if reason is not None else None
        phases = PromptPhases(self.began_at, self.read_at) if not begin and self.read_at else None
        return GenerationChunk(
            self.request.id,
            index,
            tokens,
            logprobs,
            text,
            reason,
            cached,
            sequence.error,
            alternatives,
            sequence.end,
            sequence.sampling_probabilities[begin : begin + len(tokens)],
            times,
            phases,
        )

    def _times(self, sequence: GenerationSequence) -> TextTimes | None:
        if self.first_token_at is None:
            return None
        first = self.first_token_at
        return TextTimes(first - self.request.asked_at, perf_counter() - first, len(sequence.tokens))


class Decoder:
    """The batch of a model, the texts that wait for a row in it, and those whose prompts are being read."""

    def __init__(
        self, model: LanguageModel, tokenizer: Tokenizer, runtime: Runtime, max_rows: int, outbox: Outbox
    ) -> None:
        """Take a `runtime` of its own; `max_rows` is the most texts at a time, unless one request has more."""
        self._model = model
        self._tokenizer = tokenizer
        self._runtime = runtime
        self._max_rows = max_rows
        self._outbox = outbox
        self._waiting: deque[_Generation] = deque()
        self._prefilling: dict[_Generation, list[PromptPrefill]] = {}
        self._running: dict[GenerationSequence, _Generation] = {}
        self._batch = Batch(model)
        self._chunk_sizer = ChunkSizer(runtime, fixed=model.runs_inline)
        self._decode_seconds = 0.0
        """How long the last decode step took."""
        self._joined: list[_Generation] = []
        """Those whose texts have not had a token yet."""
        self.has_stepped = False
        """Whether the last `step` gave texts a token."""

    def __len__(self) -> int:
        """Number of texts with a row in the batch."""
        return len(self._batch)

    @property
    def waiting(self) -> int:
        """Number of texts without a row yet."""
        return sum(generation.request.n for generation in [*self._waiting, *self._prefilling])

    def add(self, request: GenerationRequest) -> None:
        """Take in a request; its texts begin when there are rows for them."""
        try:
            self._waiting.append(_Generation(request, self._tokenizer))
        except Exception as error:  # ends this request, not the thread
            failed = (GenerationChunk(request.id, i, [], [], "", "failed", 0, error) for i in range(request.n))
            self._outbox.put(failed)

    def cancel(self, request_id: int) -> None:
        """End a request, wherever it is; ignored if it has ended."""
        under_way = dict.fromkeys([*self._waiting, *self._prefilling, *self._running.values()])
        for generation in under_way:
            if generation.request.id == request_id:
                self._cancel(generation)

    def step(self) -> bool:
        """Read a chunk of prompts and give each running text a token; return whether there is more to do."""
        self._admit()
        self._prefill()
        self._decode_step()
        return bool(self._batch or self._prefilling or self._waiting)

    def _admit(self) -> None:
        """Begin to read the prompts of requests that wait and fit."""
        taken = len(self._batch) + sum(generation.request.n for generation in self._prefilling)
        while self._waiting and (not taken or taken + self._waiting[0].request.n <= self._max_rows):
            generation = self._waiting.popleft()
            taken += generation.request.n
            generation.began_at = perf_counter()
            try:
                self._prefilling[generation] = self._prefills(generation)
            except Exception as error:  # the model failed: that ends this request, not the thread
                self._fail(generation, error)

    def _prefills(self, generation: _Generation) -> list[PromptPrefill]:
        return prompt_prefills(self._model, generation.sequences, self._runtime, generation.request.end_state)

    def _prefill(self) -> None:
        """Read on in all prompts together; texts whose prompts have been read join the batch."""
        prefills = unfinished(prefill for prefills in self._prefilling.values() for prefill in prefills)
        # At least as long as a decode step: otherwise texts wait for their prompts while steps are made for few rows.
        shortest = max(DECODING_CHUNK_SECONDS, self._decode_seconds) if self._batch else IDLE_CHUNK_SECONDS
        self._chunk_sizer.start_chunk(shortest)
        try:
            prefills = prefills[: self._runtime.chunk_tokens]
            self._chunk_sizer.finish_chunk(prefill_chunk(self._model, prefills, self._runtime) if prefills else 0)
        except Exception:  # whatever a model may raise: one by one it shows whose it is
            self._prefill_one_by_one()
        self._join_batch([generation for generation, each in self._prefilling.items() if not unfinished(each)])

    def _prefill_one_by_one(self) -> None:
        for generation, prefills in list(self._prefilling.items()):
            try:
                if pending := unfinished(prefills):
                    prefill_chunk(self._model, pending, self._runtime)
            except Exception as error:
                del self._prefilling[generation]
                self._fail(generation, error)

    def _join_batch(self, generations: list[_Generation]) -> None:
        if generations:
            read_at = perf_counter()
            states = [prefill.state for generation in generations for prefill in self._prefilling.pop(generation)]
            self._batch.join([sequence for one in generations for sequence in one.sequences], concat(states))
            for generation in generations:
                generation.read_at = read_at
                self._running |= dict.fromkeys(generation.sequences, generation)
            self._joined += generations

    def _decode_step(self) -> None:
        self.has_stepped = bool(self._batch)
        started = perf_counter()
        outputs = self._batch.step()
        ended = perf_counter()
        self._decode_seconds = ended - started
        while self._joined:
            self._joined.pop().first_token_at = ended
        if outputs:
            self._send(outputs)

    def _send(self, outputs: list[StepOutput]) -> None:
        """Send what a decode step did to its texts; a text that failed ends the others of its request."""
        chunks = []
        failed: dict[_Generation, None] = {}
        for output in outputs:
            sequence = output.sequence
            generation = self._running[sequence]
            if generation.request.streaming or sequence.finish_reason is not None:
                chunks.append(generation.next_chunk(sequence))
            if sequence.finish_reason is not None:
                del self._running[sequence]
                if sequence.error is not None:
                    failed[generation] = None
        for generation in failed:
            chunks += self._cancel_texts(generation)
        if chunks:
            self._outbox.put(chunks)

    def _cancel(self, generation: _Generation) -> None:
        if generation in self._waiting:
            self._waiting.remove(generation)
        self._prefilling.pop(generation, None)
        self._outbox.put(self._cancel_texts(generation))

    def _cancel_texts(self, generation: _Generation) -> list[GenerationChunk]:
        """End the texts of a request that have not ended; return their last chunks."""
        chunks = []
        for sequence in generation.sequences:
            self._running.pop(sequence, None)
            if sequence.finish_reason is None:
                if not self._batch.evict(sequence):
                    sequence.finish("cancelled")
                chunks.append(generation.next_chunk(sequence))
        return chunks

    def _fail(self, generation: _Generation, error: Exception) -> None:
        """End the texts of a request that have not ended because the model failed."""
        chunks = []
        for sequence in generation.sequences:
            if sequence.finish_reason is None:
                sequence.fail(error)
                chunks.append(generation.next_chunk(sequence))
        self._outbox.put(chunks)
