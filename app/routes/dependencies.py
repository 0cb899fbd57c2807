"""Dependencies that FastAPI injects into routes under /v1/models/{model}.

`ModelRequest` is one request to one model: the model, the engine that computes, and the limits of the settings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TypeAlias, TypeVar

from fastapi import Depends, Path, Request

from app.core.exceptions import ModelFailed, ModelLoading
from app.core.request_facts import note_model
from app.core.settings import Settings
from app.engine.engine import Engine
from app.engine.isolation import good_items, isolate, merge_errors
from app.engine.registry.model_registry import ModelRegistry
from app.engine.registry.snapshot import PublishedModel, ServedModel
from app.engine.text_batcher import Predict
from app.http.declared_errors import raises
from app.http.request_body import BufferedBody, WaitForDisconnect, await_unless_disconnected
from models.checkpoint.load import Checkpoint
from models.errors import CheckpointError, CheckpointNotFound, InvalidInput, InvalidText, UnsupportedByModel
from models.inference.prefill import Runtime
from models.inference.scoring import score_texts
from models.inference.text_scores import TextScores

Result = TypeVar("Result")
SHORT_TOKENS = 256
"""Tokens of all texts of a request that may wait for the others of one batch: some milliseconds."""
RANKING_TOKENS = 8
"""Tokens that one token costs where the most probable ones are told in its place: they are found in its whole row."""
RANKED_PER_TOKEN = 16
"""Tokens of the vocabulary that an n-gram model ranks in the time in which it scores one: some 80 ns."""
MODEL_ERRORS: tuple[type[Exception], ...] = (CheckpointNotFound, CheckpointError, ModelLoading)
"""Errors of a request for a model that is not there or cannot be used: for `raises` where a body names the model."""
WORK_ERRORS: tuple[type[Exception], ...] = (InvalidText, ModelFailed, UnsupportedByModel)
"""Errors of a route that has a model read or write text."""
Injector: TypeAlias = Callable[..., Coroutine[Any, Any, "ModelRequest"]]
"""Dependency that builds the `ModelRequest` of a route."""


@dataclass(frozen=True)
class ModelRequest:
    """A request with the model and the engine that answer it."""

    http_request: Request
    served: ServedModel
    engine: Engine
    settings: Settings

    @property
    def checkpoint(self) -> Checkpoint:
        """Checkpoint of the requested model."""
        return self.served.checkpoint

    @property
    def runtime(self) -> Runtime:
        """Chunk size and prefix cache of work on this model."""
        return self.engine.runtime_for(self.checkpoint.model)

    async def run(self, work: Generator[object, None, Result], tokens: int) -> Result:
        """Run `work` on about `tokens` tokens and return its result; stop it when the client disconnects.

        Only for a request whose body has been read to its end.
        """
        model = self.checkpoint.model
        result = self.engine.run(model, work, tokens)
        if self.engine.runs_inline(model, tokens):  # done before anyone could hang up
            return await result
        return await await_unless_disconnected(self.wait_for_disconnect, asyncio.ensure_future(result))

    async def run_texts(
        self, question: Hashable, predict: Predict, texts: Sequence[Any], tokens: int
    ) -> list[Any | InvalidInput]:
        """Return what `predict` finds for each of `texts`, which have about `tokens` tokens in all.

        A few short texts are computed together with those of other requests that have the same `question`; nobody
        watches for a client that disconnects meanwhile. An error among the texts, and one that a text leads to, stands
        in the place of its result.
        """
        model, good = self.checkpoint.model, good_items(texts)
        if not good:
            return list(texts)
        if tokens > SHORT_TOKENS or self.engine.runs_inline(model, tokens):
            results = await self.run(isolate(predict)(good), tokens)
        else:
            results = await self.engine.run_together(model, question, isolate(predict), good, tokens)
        return merge_errors(texts, results)

    async def run_items(self, predict: Predict, items: Sequence[Any], tokens: int) -> list[Any | InvalidInput]:
        """Return what `predict` finds for each of `items` as `run_texts` does, apart from other requests."""
        good = good_items(items)
        return merge_errors(items, await self.run(isolate(predict)(good), tokens)) if good else list(items)

    async def score(
        self,
        texts: Sequence[str | InvalidInput],
        describe: Callable[[TextScores], Sequence[Result]],
        *,
        context: str,
        bos: bool,
        eos: bool,
        tokens: bool = False,
        top_logprobs: int = 0,
    ) -> list[Result | InvalidInput]:
        """Score texts after a context; return what `describe` makes of them, in order.

        bos, eos: whether the context begins a line, and whether the end of each text is scored. tokens: whether what is
        known of single tokens is wanted, and `top_logprobs`, how many of the most probable ones in their places. Errors
        stand in their places as in `run_texts`. Raises as `check_context`, `ranking_cost` and `run` do.
        """
        self.check_context("context", context)
        cost = self.ranking_cost if top_logprobs else 1
        work = partial(
            score_texts,
            self.checkpoint.language_model,
            self.checkpoint.tokenizer,
            context=context,
            bos=bos,
            eos=eos,
            orders=tokens,
            top_logprobs=top_logprobs,
            runtime=self.runtime,
        )

        def predict(some: Sequence[str]) -> Generator[int, None, Sequence[Result]]:
            return describe((yield from work(texts=some)))

        return await self.run_items(predict, texts, cost * self.estimate_tokens([*good_items(texts), context]))

    @property
    def ranking_cost(self) -> int:
        """Tokens scored in the time of one in whose place the most probable ones are told.

        Raises UnsupportedByModel for a model without distributions.
        """
        size = self.checkpoint.card.vocabulary_size
        return RANKING_TOKENS + (size // RANKED_PER_TOKEN if self.checkpoint.predictor.runs_inline else 0)

    def buffer_body(self) -> BufferedBody:
        """Return the body of the request, to be read in pieces; to be closed."""
        return BufferedBody(self.http_request.receive, self.http_request.scope["state"]["deadline"].body)

    def reserve(self) -> AbstractContextManager[None]:
        """Reserve a place in the queue to `compute` in later. Raises Overloaded or ServerStopping."""
        return self.engine.reserve(self.checkpoint.model)

    @contextmanager
    def reserve_for(self, body: BufferedBody) -> Iterator[None]:
        """Hold a place in the queue to `compute` in, which others have while more of `body` is awaited.

        Raises Overloaded or ServerStopping.
        """
        with self.reserve():
            body.while_waiting = self.engine.queue_for(self.checkpoint.model).lend_place
            yield

    async def compute(
        self, work: Generator[object, None, Result], tokens: int, disconnect: WaitForDisconnect
    ) -> Result:
        """Run `work` on about `tokens` tokens in the reserved place; the body may still arrive."""
        return await await_unless_disconnected(
            disconnect, asyncio.ensure_future(self.engine.compute(self.checkpoint.model, work, tokens))
        )

    async def wait_for_disconnect(self) -> None:
        """Return when the client disconnects; for a request whose body has been read to its end."""
        while (await self.http_request.receive())["type"] != "http.disconnect":
            pass

    def estimate_tokens(self, texts: Iterable[str | bytes]) -> int:
        """Estimate the token count of texts from their length: a word and its space are some five characters."""
        return sum(map(len, texts)) // (1 if self.checkpoint.tokenizer.config.kind == "character" else 5) + 1

    def check_count(self, field: str, items: Sequence[object]) -> None:
        """Raise InvalidInput when a list has more items than the settings allow."""
        if len(items) > self.settings.max_texts:
            raise InvalidInput(field, f"at most {self.settings.max_texts} in one request, not {len(items)}")

    def check_texts(self, field: str, texts: str | Sequence[str | InvalidInput]) -> Sequence[str | InvalidInput]:
        """Return one text or several as a list, with an error in place of a long one among several.

        Raises InvalidInput for too many, or a single one that is too long.
        """
        if isinstance(texts, str):
            self.check_context(field, texts)
            return [texts]
        self.check_count(field, texts)
        return [self._check_text(f"{field}.{i}", text) for i, text in enumerate(texts)]

    def _check_text(self, field: str, text: str | InvalidInput) -> str | InvalidInput:
        """Return a text of a list, or the error in its place."""
        if isinstance(text, InvalidInput):
            return text
        try:
            self.check_context(field, text)
        except InvalidInput as error:
            return error
        return text

    def check_context(self, field: str, text: str) -> None:
        """Raise InvalidInput when a context has more tokens than the settings allow."""
        limit = self.settings.max_prompt_tokens
        # A text has hardly more tokens than characters, so most texts need not be tokenized here.
        if 2 * len(text) > limit and (count := len(self.checkpoint.tokenizer.encode(text).ids)) > limit:
            raise InvalidInput(field, f"at most {limit} tokens, not {count}")


async def build_model_request(request: Request, model: str) -> ModelRequest:
    """Build the ModelRequest of a request to `model`, which is loaded first if it is not in memory.

    Raises as `ModelRegistry.get_soon` does.
    """
    state = request.app.state
    registry: ModelRegistry = state.registry
    published = find_published(request, model)
    served = registry.in_memory(published) or await registry.get_soon(state.stores.aliases.resolve(model))
    note_model(served.id)
    return ModelRequest(request, served, state.engine, state.settings)


def find_published(request: Request, model: str) -> PublishedModel:
    """Return the published model that a name or an alias means. Raises as `ModelRegistry.find` does."""
    note_model(model)
    published: PublishedModel = request.app.state.stores.aliases.find(model, request.app.state.registry.find)
    note_model(published.id)
    return published


def _model_name(example: str, summary: str) -> Any:
    """Return the parameter of paths that names a model; `summary` describes the example."""
    return Path(
        description="The model: `name` (its newest version), `name@version`, or an alias.",
        openapi_examples={"name": {"summary": summary, "value": example}},
    )


def model_injector(example: str, summary: str) -> Injector:
    """Return the dependency of routes documented with the model `example`; `summary` describes it."""
    name = _model_name(example, summary)

    @raises(*MODEL_ERRORS)
    async def inject(request: Request, model: str = name) -> ModelRequest:
        return await build_model_request(request, model)

    return inject


InjectedModelRequest = Annotated[ModelRequest, Depends(model_injector("gutenberg-kn", "a word n-gram model"))]


@raises(*MODEL_ERRORS)
async def _inject_published(request: Request, model: str = _model_name("gutenberg-kn", "a word n-gram model")) -> Any:
    return find_published(request, model)


InjectedModel = Annotated[PublishedModel, Depends(_inject_published)]
"""The published model of the path, which is not loaded for it."""
