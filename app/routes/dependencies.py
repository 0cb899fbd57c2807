"""One request to one model, as a route sees it: the model, the engine to compute with, the limits to keep.

It is what FastAPI injects into every route under /v1/models/{model}. It knows how work is handed to the engine and
how a client that hangs up is noticed; what is computed, the routes say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Path, Request

from app.core.settings import Settings
from app.engine.engine import Engine, WaitForDisconnect, await_unless_disconnected
from app.engine.model_registry import ServedModel
from models.checkpoint.load import Checkpoint
from models.errors import InvalidInput
from models.inference.prefill import Runtime

Result = TypeVar("Result")
ModelName = Annotated[
    str,
    Path(
        description="The model: `name` (its newest version), `name@version`, or an alias.",
        openapi_examples={"name": {"summary": "a word n-gram model", "value": "gutenberg-kn"}},
    ),
]

TimeoutHeader = Annotated[
    int | None,
    Header(
        ge=1,
        description="How long the request may take; then it is stopped and answered with status 504, a stream with an "
        "error in place of the rest. Unset: as long as the service's settings allow.",
    ),
]


@dataclass(frozen=True)
class ModelRequest:
    """A request with what answers it."""

    request: Request
    served: ServedModel
    engine: Engine
    settings: Settings

    @property
    def checkpoint(self) -> Checkpoint:
        """The model asked for."""
        return self.served.checkpoint

    @property
    def runtime(self) -> Runtime:
        """The chunk size and the prefix cache that work on this model is done with."""
        return self.engine.runtime(self.checkpoint.model)

    async def run(self, work: Generator[object, None, Result], tokens: int) -> Result:
        """What `work` on about `tokens` tokens returns; it is stopped when the client hangs up.

        Only for a request whose body has been read to its end.
        """
        return await self.engine.run(self.checkpoint.model, work, tokens, self.wait_for_disconnect)

    def place(self) -> AbstractContextManager[None]:
        """Room to `compute` in while the body comes. Raises Overloaded or Stopping."""
        return self.engine.reserve(self.checkpoint.model)

    async def compute(self, work: Generator[object, None, Result], tokens: int, gone: WaitForDisconnect) -> Result:
        """What `work` on about `tokens` tokens returns, for a request that has a place and may still have a body."""
        return await await_unless_disconnected(
            gone, asyncio.ensure_future(self.engine.compute(self.checkpoint.model, work, tokens))
        )

    async def wait_for_disconnect(self) -> None:
        """Returns when the client hangs up; for a request whose body has been read to its end."""
        while (await self.request.receive())["type"] != "http.disconnect":
            pass

    def estimate_tokens(self, texts: Iterable[str | bytes]) -> int:
        """About how many tokens texts have, without looking at them: a word and its blank are some five characters."""
        return sum(map(len, texts)) // (1 if self.checkpoint.tokenizer.config.kind == "character" else 5) + 1

    def check_count(self, field: str, items: Sequence[object]) -> None:
        """Raise InvalidInput when a list has more items than the settings allow."""
        if len(items) > self.settings.max_texts:
            raise InvalidInput(field, f"at most {self.settings.max_texts} in one request, not {len(items)}")

    def check_context(self, field: str, text: str) -> None:
        """Raise InvalidInput when a text to be read at once has more tokens than the settings allow."""
        limit = self.settings.max_prompt_tokens
        # A text has hardly more tokens than characters; most texts need no counting.
        if 2 * len(text) > limit and (found := len(self.checkpoint.tokenizer.encode(text).ids)) > limit:
            raise InvalidInput(field, f"at most {limit} tokens, not {found}")


def model_request(request: Request, model: str) -> ModelRequest:
    """The call of a request to `model`. Raises what the registry does where it cannot be asked."""
    state = request.app.state
    return ModelRequest(request, state.registry.get(state.stores.aliases.resolve(model)), state.engine, state.settings)


async def _inject_model_request(
    request: Request, model: ModelName, x_request_timeout_ms: TimeoutHeader = None
) -> ModelRequest:
    del x_request_timeout_ms  # the gate has seen to it
    return model_request(request, model)


InjectedModelRequest = Annotated[ModelRequest, Depends(_inject_model_request)]
