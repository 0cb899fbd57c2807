"""Texts of many requests are computed together, and each request gets its own results or its own error."""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any

import pytest

from app.engine.chunked_task import DECODING_CHUNK_SECONDS, ChunkSizer
from app.engine.text_batcher import BATCH_TOKENS, Outcome, TextBatcher, Work
from models.inference.prefill import Runtime


class Computer:
    """Something that computes upper-case texts one batch at a time, when it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = asyncio.Event()

    def predict(self, texts: Sequence[str]) -> Generator[int, None, list[str]]:
        self.batches.append(list(texts))
        yield len(texts)
        if "bad" in texts:
            raise ValueError("a text is bad")
        return [text.upper() for text in texts]

    async def submit(self, work: Work) -> list[Outcome]:
        await self.go.wait()
        while True:
            try:
                next(work)
            except StopIteration as end:
                return end.value


def running(main: Callable[[Computer, TextBatcher], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        await main(Computer(), TextBatcher())

    asyncio.run(run())


def ask(computer: Computer, batcher: TextBatcher, *texts: str, tokens: int = 1) -> asyncio.Task[Sequence[str]]:
    return asyncio.ensure_future(batcher.compute(computer.predict, texts, tokens, computer.submit))


def test_batcher_computes_together_what_came_while_a_batch_ran() -> None:
    async def main(computer: Computer, batcher: TextBatcher) -> None:
        first, *others = [ask(computer, batcher, *texts) for texts in (["a"], ["b", "c"], [], ["d"])]
        await asyncio.sleep(0)
        computer.go.set()
        assert await first == ["A"]
        assert [await other for other in others] == [["B", "C"], [], ["D"]]
        assert computer.batches == [["a"], ["b", "c", "d"]]
        assert await ask(computer, batcher, "e") == ["E"]

    running(main)


def test_batcher_bounds_the_tokens_of_a_batch() -> None:
    async def main(computer: Computer, batcher: TextBatcher) -> None:
        sizes = [1, BATCH_TOKENS - 1, 1, 1, 2 * BATCH_TOKENS, 1]
        tasks = [ask(computer, batcher, str(i), tokens=size) for i, size in enumerate(sizes)]
        await asyncio.sleep(0)
        computer.go.set()
        assert [await task for task in tasks] == [[str(i)] for i in range(6)]
        assert computer.batches == [["0"], ["1", "2"], ["3"], ["4"], ["5"]]

    running(main)


def test_batcher_keeps_a_failure_with_its_own_request() -> None:
    async def main(computer: Computer, batcher: TextBatcher) -> None:
        tasks = [ask(computer, batcher, *texts) for texts in (["a"], ["b"], ["c", "bad"], ["d"])]
        await asyncio.sleep(0)
        computer.go.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [done[0], done[1], done[3]] == [["A"], ["B"], ["D"]]
        assert isinstance(done[2], ValueError)
        assert computer.batches[1:] == [["b", "c", "bad", "d"], ["b"], ["c", "bad"], ["d"]]

    running(main)


def test_batcher_leaves_out_abandoned_requests() -> None:
    async def main(computer: Computer, batcher: TextBatcher) -> None:
        first, second, third = (ask(computer, batcher, text) for text in "abc")
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        await asyncio.sleep(0)
        computer.go.set()
        assert await third == ["C"]
        assert computer.batches == [["a"], ["c"]]

    running(main)


def test_batcher_tells_every_request_why_nothing_was_computed() -> None:
    async def main(computer: Computer, batcher: TextBatcher) -> None:
        async def refuse(work: Work) -> list[Outcome]:
            work.close()
            raise RuntimeError("no thread")

        for _ in range(2):
            with pytest.raises(RuntimeError, match="no thread"):
                await batcher.compute(computer.predict, ["a"], 1, refuse)

    running(main)


def test_batcher_computes_batches_known_to_be_short_in_its_own_thread_and_others_elsewhere() -> None:
    async def main(computer: Computer, batcher: TextBatcher) -> None:
        sizer = ChunkSizer(Runtime(1))
        sizer.learn(10**6, DECODING_CHUNK_SECONDS)  # a million tokens are just short enough

        def ask_inline(*texts: str, tokens: int) -> asyncio.Task[Sequence[str]]:
            return asyncio.ensure_future(batcher.compute(computer.predict, texts, tokens, computer.submit, sizer))

        sizes = [500_000, 500_000, 1, 10**18]
        *short, last = [ask_inline(str(i), tokens=size) for i, size in enumerate(sizes)]
        await asyncio.wait(short, timeout=20)  # nobody has let the other thread go
        assert [task.result() for task in short] == [["0"], ["1"], ["2"]]
        assert computer.batches[:2] == [["0", "1"], ["2"]]
        computer.go.set()
        assert await last == ["3"]
        first, second = ask_inline("a", tokens=1), ask_inline("bad", tokens=1)
        await asyncio.wait([first, second], timeout=20)
        assert first.result() == ["A"]
        assert isinstance(second.exception(), ValueError)

    running(main)


def test_batcher_computes_elsewhere_while_the_speed_of_a_model_is_not_known() -> None:
    async def main(computer: Computer, batcher: TextBatcher) -> None:
        sizer = ChunkSizer(Runtime(1))
        task = asyncio.ensure_future(batcher.compute(computer.predict, ["a"], 1, computer.submit, sizer))
        await asyncio.sleep(0.01)
        assert not task.done()
        computer.go.set()
        assert await task == ["A"]

    running(main)
