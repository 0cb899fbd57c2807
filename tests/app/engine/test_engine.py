"""The engine: the thread that does each kind of work, how much is taken on, and that room always comes back."""

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Generator, Sequence

import pytest

from app.core.exceptions import ModelFailed, Overloaded, RequestAbandoned, ServerStopping
from app.core.settings import Settings
from app.engine.engine import INLINE_TOKENS, Engine
from app.engine.text_batcher import TextBatcher
from app.http.request_body import await_unless_disconnected
from models.composite.cache import CacheModel
from models.composite.config import CacheConfig, MixtureConfig
from models.composite.mixture import MixtureModel
from models.inference.config import SamplingParams
from models.language_model import LanguageModel
from models.threads import thread_count
from tests.helpers.serving import WORDS, ngram, recurrent

NGRAM, LSTM = ngram(), recurrent()


def running(main: Callable[[Engine], Awaitable[None]], **settings: object) -> None:
    async def run() -> None:
        engine = Engine(Settings(**{"threads": 1, "max_running": 2, "max_waiting": 1, **settings}), lambda *_: None)
        engine.start()
        try:
            await main(engine)
        finally:
            engine.stop()

    asyncio.run(run())


def where() -> Generator[None, None, str]:
    yield
    return threading.current_thread().name


def blocked(until: threading.Event) -> Generator[None, None, str]:
    while not until.wait(0.001):
        yield
    return "done"


@pytest.mark.parametrize(
    ("model", "tokens", "thread"),
    [
        (NGRAM, INLINE_TOKENS, threading.main_thread().name),
        (NGRAM, INLINE_TOKENS + 1, "quick-pool_0"),
        (LSTM, 1, "slow"),
        (MixtureModel(MixtureConfig((0.5, 0.5)), [NGRAM, NGRAM]), INLINE_TOKENS, threading.main_thread().name),
        (MixtureModel(MixtureConfig((0.5, 0.5)), [NGRAM, LSTM]), 1, "slow"),
        (CacheModel(CacheConfig(), NGRAM), INLINE_TOKENS + 1, "quick-pool_0"),
        (CacheModel(CacheConfig(), LSTM), 1, "slow"),
    ],
)
def test_engine_does_work_in_the_thread_where_it_belongs(model: LanguageModel, tokens: int, thread: str) -> None:
    async def main(engine: Engine) -> None:
        assert await engine.run(model, where(), tokens) == thread

    running(main)


def test_engine_gives_the_recurrent_thread_its_threads() -> None:
    def count() -> Generator[None, None, int]:
        yield
        return thread_count()

    async def main(engine: Engine) -> None:
        assert await engine.run(LSTM, count(), 1) == 2

    running(main, threads=2)


@pytest.mark.parametrize("model", [NGRAM, LSTM])
def test_engine_refuses_without_room_at_once_and_room_comes_back(model: LanguageModel) -> None:
    async def main(engine: Engine) -> None:
        go = threading.Event()
        asked = [asyncio.ensure_future(engine.run(model, blocked(go), 10**5)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await engine.run(model, where(), 10**5)
        assert 0 < refused.value.retry_after <= 120
        go.set()
        assert await asyncio.gather(*asked) == ["done"] * 3
        await engine.run(model, where(), 10**5)

    running(main)


@pytest.mark.parametrize("model", [NGRAM, LSTM])
def test_engine_drops_work_that_nobody_waits_for(model: LanguageModel) -> None:
    async def main(engine: Engine) -> None:
        never = threading.Event()
        for _ in range(10):
            work = asyncio.ensure_future(engine.run(model, blocked(never), 10**6))
            with pytest.raises(RequestAbandoned):
                await await_unless_disconnected(lambda: asyncio.sleep(0.002), work)
            task = asyncio.ensure_future(engine.run(model, blocked(never), 10**6))
            await asyncio.sleep(0.002)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert isinstance(await engine.run(model, where(), 10**6), str)

    running(main)


def test_engine_failures_reach_their_own_request() -> None:
    def failing() -> Generator[None, None, None]:
        yield
        raise ArithmeticError("broken")

    async def main(engine: Engine) -> None:
        for model, tokens in ((NGRAM, 1), (NGRAM, 10**6), (LSTM, 1)):
            for _ in range(5):  # more often than there are places
                with pytest.raises(ModelFailed) as failed:
                    await engine.run(model, failing(), tokens)
                assert isinstance(failed.value.__cause__, ArithmeticError)

    running(main)


@pytest.mark.parametrize("model", [NGRAM, LSTM])
def test_engine_counts_texts_which_leave_when_their_block_is_left(model: LanguageModel) -> None:
    params = SamplingParams(max_tokens=10**6, ignore_end=True)

    async def main(engine: Engine) -> None:
        for _ in range(3):
            with engine.generate(model, WORDS, [], params, 3, streaming=True) as run:
                async for _ in run.chunks():
                    break
                with (
                    pytest.raises(Overloaded),
                    engine.generate(model, WORDS, [], params, streaming=True),
                ):
                    pass
        the, short = WORDS.encode_batch(["the"]).ids.tolist(), SamplingParams(max_tokens=2, seed=1)
        with engine.generate(model, WORDS, the, short, 3, streaming=False) as run:
            await asyncio.wait_for(run.finished, 20)
            chunks = run.result()
        assert [chunk.index for chunk in chunks] == [0, 1, 2]
        assert all(chunk.finish_reason for chunk in chunks)

    running(main)


def shout(texts: Sequence[str]) -> Generator[int, None, list[str]]:
    yield len(texts)
    if "bad" in texts:
        raise ZeroDivisionError
    return [f"{text.upper()} in {threading.current_thread().name}" for text in texts]


def test_engine_computes_short_texts_of_several_requests_in_the_thread_of_the_model() -> None:
    async def main(engine: Engine) -> None:
        asked = [engine.run_together(LSTM, "shout", shout, texts, 1) for texts in (["a"], ["b", "c"], ["bad"])]
        done = await asyncio.gather(*asked, return_exceptions=True)
        assert done[:2] == [["A in slow"], ["B in slow", "C in slow"]]
        assert isinstance(done[2], ModelFailed)
        assert isinstance(done[2].__cause__, ZeroDivisionError)
        asked = [engine.run_together(LSTM, "shout", shout, ["a"], 1) for _ in range(4)]
        done = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(result, Overloaded) for result in done] == [False, False, False, True]
        assert (engine.queue_for(LSTM).texts, engine.queue_for(LSTM).tokens) == (0, 0)

    running(main)


def test_engine_forgets_a_model_that_was_asked_for_short_texts() -> None:
    async def main(engine: Engine) -> None:
        model = recurrent()
        await engine.run_together(model, "shout", shout, ["a"], 1)
        gone = weakref.ref(model)
        del model
        gc.collect()
        assert gone() is None

    running(main)


def test_engine_keeps_nothing_of_a_question_that_was_answered_or_abandoned() -> None:
    async def main(engine: Engine) -> None:
        gc.collect()
        before = sum(type(thing) is TextBatcher for thing in gc.get_objects())
        for i in range(100):
            await engine.run_together(LSTM, ("shout", i), shout, ["a"], 1)
        with pytest.raises(ModelFailed):
            await engine.run_together(LSTM, "fails", shout, ["bad"], 1)
        for i in range(10):
            abandoned = asyncio.ensure_future(engine.run_together(LSTM, ("left", i), shout, ["a"], 1))
            await asyncio.sleep(0)
            abandoned.cancel()
            await asyncio.wait([abandoned])
        del abandoned  # its traceback refers to what it was doing
        await engine.run_together(LSTM, "last", shout, ["a"], 1)
        gc.collect()
        assert sum(type(thing) is TextBatcher for thing in gc.get_objects()) == before

    running(main)


def test_engine_takes_nothing_on_once_it_stops() -> None:
    async def main(engine: Engine) -> None:
        engine.stop()
        with pytest.raises(ServerStopping):
            await engine.run(LSTM, where(), 1)

    running(main)


def test_engine_and_workers_load_no_web_framework() -> None:
    modules = "app.engine.engine, app.engine.warm_up, app.jobs.submission.submission, app.stores, app.worker.child.main"
    script = f"import sys, {modules}; print(sorted({{'fastapi', 'starlette', 'uvicorn'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
