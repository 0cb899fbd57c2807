"""Texts that share a batch: whoever joins, leaves or fails, each is what it would be alone."""

import asyncio
import math
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.core.exceptions import ModelFailed
from app.engine.chunked_task import ChunkedTask, ChunkSizer
from app.engine.decoder import Decoder
from app.engine.generation_request import GenerationChunk, GenerationRequest
from app.engine.outbox import GenerationStream
from models.inference.config import SamplingParams
from models.inference.generation import generate, make_sequences
from models.inference.prefill import Runtime
from models.inference.prefix_cache import PrefixCache
from models.inference.scoring import score_texts
from models.inference.sequence import GenerationSequence
from models.language_model import LanguageModel
from models.neural.config import RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.network import Network
from models.neural.training.initialization import initialize
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.language_models import arrays
from tests.helpers.outbox import CollectingOutbox
from tests.helpers.toy import Bigram

LETTERS = Tokenizer.train(TokenizerConfig(), ["a b c d e f g h\n"])
MODEL = Bigram.random(LETTERS.vocabulary_size)


IDS = count()


def texts(prompt: str = "a", n: int = 1, **params: object) -> list[GenerationSequence]:
    return make_sequences(LETTERS, prompt, SamplingParams(**{"max_tokens": 12, "seed": 1, **params}), n)


def request(prompt: str = "a", n: int = 1, *, streaming: bool, **params: object) -> GenerationRequest:
    sampling = SamplingParams(**{"max_tokens": 12, "seed": 1, **params})
    return GenerationRequest(next(IDS), tuple(LETTERS.encode_batch([prompt]).ids.tolist()), sampling, n, streaming)


def lstm() -> Int8Model:
    """In int8, where company changes nothing in any bit."""
    config = RecurrentConfig(layers=2, embedding_size=6, hidden_size=8)
    network = Network(config, LETTERS.vocabulary_size)
    initialize(network, "uniform", 1.0, np.ones(LETTERS.vocabulary_size, np.int64), torch.Generator().manual_seed(3))
    return Int8Model(config, arrays(network), LETTERS.vocabulary_size)


ALONE = {"bigram": MODEL, "lstm": lstm()}
TOGETHER = {"bigram": MODEL, "lstm": lstm()}
CACHES = {"bigram": None, "lstm": PrefixCache(20_000)}


def alone(model: LanguageModel = MODEL, **asked: object) -> list[list[int]]:
    sequences = texts(**asked)
    list(generate(model, sequences))
    return [sequence.tokens for sequence in sequences]


requests = st.fixed_dictionaries(
    {
        "prompt": st.sampled_from(["", "a", "b c", "a b c d e f"]),
        "n": st.integers(1, 3),
        "seed": st.integers(0, 5),
        "max_tokens": st.integers(1, 8),
        "ignore_end": st.booleans(),
    }
)
scores = st.tuples(st.just("score"), st.sampled_from(["", "a b", "a b c d e f"]), st.sampled_from(["a", "h g " * 12]))
cancels = st.tuples(st.sampled_from(["cancel", "drop"]), st.integers(0, 10))
actions = st.lists(st.one_of(requests, scores, cancels, st.integers(1, 4)), max_size=12)


class Script:
    """Carries out joins, scores, cancellations and turns, and remembers what was asked."""

    def __init__(self, model: str, rows: int) -> None:
        self.model, self.plain = TOGETHER[model], ALONE[model]
        self.runtime = Runtime(self.model.chunk_tokens, CACHES[model])
        self.outbox = CollectingOutbox()
        self.decoder = Decoder(self.model, LETTERS, replace(self.runtime), rows, self.outbox)
        self.chunk_sizer = ChunkSizer(self.runtime)
        self.runs: list[tuple[GenerationRequest, dict]] = []
        self.jobs: list[tuple[ChunkedTask, str, str]] = []
        self.waiting: deque[ChunkedTask] = deque()
        self.cancelled: set[int] = set()

    def act(self, action: object) -> None:
        match action:
            case int():
                for _ in range(action):
                    self.step()
            case dict():
                self.runs.append((request(**action, streaming=True), action))
                self.decoder.add(self.runs[-1][0])
            case "score", context, text:
                work = score_texts(self.model, LETTERS, [text, "b"], context=context, runtime=self.runtime)
                job = ChunkedTask(next(IDS), work, self.chunk_sizer)
                self.jobs.append((job, context, text))
                self.waiting.append(job)
            case "cancel", i if i < len(self.runs):
                self.decoder.cancel(self.runs[i][0].id)
                self.cancelled.add(i)
            case "drop", i if i < len(self.jobs):
                self.jobs[i][0].cancelled = True

    def step(self) -> bool:
        """As the scheduler takes turns: a step, then a chunk of one task; returns whether there is more."""
        more = self.decoder.step()
        if self.waiting:
            job = self.waiting.popleft()
            if job.run_chunk(self.outbox, 1e-9):  # the smallest chunks there are
                self.waiting.append(job)
        return more or bool(self.waiting)

    def check(self) -> None:
        while self.step():
            pass
        for i, (run, asked) in enumerate(self.runs):
            if i not in self.cancelled:
                assert self.outbox.tokens(run.id, run.n) == alone(self.plain, **asked)
            assert self.outbox.finish_reasons(run.id).keys() == set(range(run.n))
            assert all(self.outbox.finish_reasons(run.id).values())
        for job, context, text in self.jobs:
            if not job.cancelled or job.id in self.outbox.results:
                found = self.outbox.results[job.id].value
                expected = run_to_completion(score_texts(self.plain, LETTERS, [text, "b"], context=context))
                assert all(np.array_equal(f.logprobs, e.logprobs) for f, e in zip(found, expected, strict=True))


@pytest.mark.parametrize("model", ALONE)
@given(actions, st.integers(1, 6))
@hypothesis_settings(max_examples=40, deadline=None)
def test_decoder_in_any_order_of_joining_leaving_scoring_and_stepping(model: str, actions: list, rows: int) -> None:
    script = Script(model, rows)
    for action in actions:
        script.act(action)
    script.check()


def test_decoder_has_no_more_rows_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    logprobs = MODEL.logprobs
    monkeypatch.setattr(MODEL, "logprobs", lambda state: (seen.append(len(state)), logprobs(state))[1])

    outbox = CollectingOutbox()
    decoder = Decoder(MODEL, LETTERS, Runtime.default_for(MODEL), 3, outbox)
    runs = [request(n=n, ignore_end=True, streaming=False) for n in (2, 2, 1, 5, 1)]
    for run in runs:
        decoder.add(run)
    while decoder.step():
        pass
    for run in runs:
        assert all(outbox.tokens(run.id, run.n))
        assert set(outbox.finish_reasons(run.id).values()) == {"length"}

    # 2 alone, as 2 + 2 do not fit; then 2 + 1; then 5, which never fits and so goes alone; then 1.
    assert list(dict.fromkeys(seen)) == [2, 3, 5, 1]


def test_decoder_sends_only_the_end_without_streaming() -> None:
    outbox = CollectingOutbox()
    decoder = Decoder(MODEL, LETTERS, Runtime.default_for(MODEL), 8, outbox)
    run = request(n=2, ignore_end=True, streaming=False)
    decoder.add(run)
    while decoder.step():
        pass
    assert [part.finish_reason for part in outbox.chunks[run.id]] == ["length", "length"]


def test_decoder_reads_no_prompt_whose_end_state_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    model, outbox = ALONE["lstm"], CollectingOutbox()
    plain = request("a b c d e f", n=2, streaming=False)
    state = model.advance(model.begin_state(1), np.array([plain.prompt]))
    read: list[int] = []
    advance = model.advance
    monkeypatch.setattr(model, "advance", lambda s, ids, n=None: (read.append(ids.shape[1]), advance(s, ids, n))[1])
    decoder = Decoder(model, LETTERS, Runtime.default_for(model), 8, outbox)
    decoder.add(replace(plain, end_state=state))
    while decoder.step():
        pass
    assert 6 not in read
    assert outbox.tokens(plain.id, plain.n) == alone(model, prompt="a b c d e f", n=2)


class Reader:
    """An outbox that hands the chunks of one request to its stream."""

    def __init__(self, run: GenerationRequest) -> None:
        self.stream = GenerationStream(run)

    def put(self, chunks: Iterable[GenerationChunk]) -> None:
        for chunk in chunks:
            self.stream.add(chunk)


@given(st.lists(st.integers(0, 3), max_size=12))
@hypothesis_settings(max_examples=60, deadline=None)
def test_generation_stream_of_a_slow_reader_misses_nothing_and_is_not_waited_for(pauses: list[int]) -> None:
    async def main() -> list[GenerationChunk]:
        run = request(n=2, ignore_end=True, streaming=True)
        reader = Reader(run)
        decoder = Decoder(MODEL, LETTERS, Runtime.default_for(MODEL), 8, reader)
        decoder.add(run)
        parts, found = reader.stream.chunks(), []
        decoder.step()  # reads the prompt
        for steps in [*pauses, 12]:
            for _ in range(1 + steps):  # goes on whether or not anything is read
                decoder.step()
            found.append(await anext(parts, None))
        return [part for part in found if part] + [part async for part in parts]

    parts = asyncio.run(main())
    expected = texts(n=2, ignore_end=True)
    list(generate(MODEL, expected))
    for index, sequence in enumerate(expected):
        mine = [part for part in parts if part.index == index]
        assert [token for part in mine for token in part.tokens] == sequence.tokens
        assert "".join(part.text for part in mine) == sequence.text
        assert [part.finish_reason for part in mine] == [None] * (len(mine) - 1) + ["length"]


class Failing(LanguageModel):
    """The toy model until it has had enough."""

    kind = "failing"
    vocabulary_size = MODEL.vocabulary_size
    begin_state, null_state, config, tensors = MODEL.begin_state, MODEL.null_state, MODEL.config, MODEL.tensors

    def __init__(self, steps: int, reads: int = 10**6) -> None:
        self.steps, self.reads = steps, reads

    def advance(self, state, tokens, lengths=None):
        self.reads -= 1
        if self.reads < 0:
            raise ArithmeticError("not a number")
        return MODEL.advance(state, tokens, lengths)

    def logprobs(self, state):
        self.steps -= 1
        if self.steps < 0:
            raise ArithmeticError("not a number")
        return MODEL.logprobs(state)

    @classmethod
    def from_tensors(cls, config, tensors, vocabulary_size):
        raise NotImplementedError


@pytest.mark.parametrize("model", [Failing(steps=3), Failing(steps=9, reads=0), Failing(steps=9, reads=2)])
def test_decoder_goes_on_after_a_failure_that_only_its_requests_are_told_of(model: Failing) -> None:
    outbox = CollectingOutbox()
    decoder = Decoder(model, LETTERS, Runtime.default_for(model), 8, outbox)
    hit = request(ignore_end=True, streaming=True)
    decoder.add(hit)
    while decoder.step():
        pass
    assert outbox.finish_reasons(hit.id) == {0: "failed"}
    with pytest.raises(ModelFailed):
        outbox.tokens(hit.id, 1)
    model.steps = model.reads = 1000
    spared = request(streaming=True)
    decoder.add(spared)
    while decoder.step():
        pass
    assert all(outbox.finish_reasons(spared.id).values())
    assert outbox.tokens(spared.id, 1) == alone()


class Poisoned(Bigram):
    """Fails on whoever has read or is to read one of two tokens."""

    NO_NUMBERS, RAISES, RAISES_WHILE_READING = (int(i) for i in LETTERS.encode("f g h").ids)

    def logprobs(self, state):
        if (state == self.RAISES).any():
            raise RuntimeError("broken")
        return super().logprobs(state).masked_fill((state == self.NO_NUMBERS)[:, None], math.nan)

    def advance(self, state, tokens, lengths=None):
        if (tokens == self.RAISES_WHILE_READING).any():
            raise RuntimeError("broken")
        return super().advance(state, tokens, lengths)


@given(st.lists(st.integers(0, 999), min_size=1, max_size=12))
@hypothesis_settings(max_examples=40, deadline=None)
def test_decoder_fails_no_neighbours_of_a_text_that_fails(seeds: list[int]) -> None:
    """What one text fails on it fails on alone, too; the others end as they would alone."""
    poisoned = Poisoned(np.exp(MODEL.matrix))

    def outcome(decoder: Decoder, outbox: CollectingOutbox, run: GenerationRequest) -> object:
        while decoder.step():
            pass
        reasons = outbox.finish_reasons(run.id)
        assert reasons.keys() == set(range(run.n))
        assert all(reasons.values())
        try:
            return outbox.tokens(run.id, run.n)
        except ModelFailed as error:
            return str(error.__cause__)

    outbox = CollectingOutbox()
    together = Decoder(poisoned, LETTERS, Runtime.default_for(poisoned), 100, outbox)
    runs = [request(seed=seed, n=1 + seed % 2, max_tokens=6, streaming=seed % 3 > 0) for seed in seeds]
    for run in runs:
        together.add(run)
    for seed, run in zip(seeds, runs, strict=True):
        by_itself = request(seed=seed, n=1 + seed % 2, max_tokens=6, streaming=False)
        alone = Decoder(poisoned, LETTERS, Runtime.default_for(poisoned), 100, outbox)
        alone.add(by_itself)
        assert outcome(together, outbox, run) == outcome(alone, outbox, by_itself)


def test_decoder_tells_a_request_that_cannot_begin_and_goes_on() -> None:
    outbox = CollectingOutbox()
    decoder = Decoder(MODEL, LETTERS, Runtime.default_for(MODEL), 8, outbox)
    bad = GenerationRequest(next(IDS), (LETTERS.vocabulary_size,), SamplingParams(), 2)
    good = request(streaming=False)
    decoder.add(bad)
    decoder.add(good)
    while decoder.step():
        pass
    assert outbox.finish_reasons(bad.id) == {0: "failed", 1: "failed"}
    assert outbox.tokens(good.id, 1) == alone()
