"""Texts that completions tell: parts of choices made of what the engine generated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from app.engine.generation_request import GenerationChunk
from app.engine.outbox import GenerationStream
from app.routes.openai.completion_plan import CompletionPlan
from app.routes.openai.prompts import Prompt, TokenOffsets, last_line
from app.schemas.openai.completion_answer import FINISH_REASONS
from app.schemas.openai.logprobs import LogprobLists
from models.special_tokens import EOS


class GeneratedText:
    """Text of an answer: keeps where in it the next token begins."""

    def __init__(self, plan: CompletionPlan, prompt: Prompt) -> None:
        self._names = prompt.tokenizer.names
        self._offsets: TokenOffsets | None = None
        if plan.logprobs is not None:
            position = len(prompt.text) if plan.echo else 0
            self._offsets = TokenOffsets(prompt.tokenizer, last_line(prompt.ids_to_read), position)

    def logprobs(self, chunk: GenerationChunk, lists: LogprobLists | None = None) -> dict[str, Any] | None:
        """Return the log-probabilities of a chunk's tokens, after those of `lists`; None where none are told.

        A text that ends has an entry for its end, even where nothing was possible any more.
        """
        if self._offsets is None:
            return None
        lists = lists or LogprobLists(self._names)
        best = chunk.alternatives or [()] * len(chunk.tokens)
        for token, logprob, alternatives in zip(chunk.tokens, chunk.logprobs, best, strict=True):
            lists.add(token, logprob, alternatives, self._offsets.push(token))
        if chunk.end is not None:
            lists.add(EOS, chunk.end.logprob, chunk.end.alternatives, self._offsets.push(EOS))
        elif chunk.finish_reason == "no_continuation":
            lists.add(EOS, -math.inf, (), self._offsets.push(EOS))
        return lists.content()


def choice_content(index: int, text: str, logprobs: dict[str, Any] | None, reason: str | None) -> dict[str, Any]:
    """Return the JSON content of a choice."""
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}


def finish_reason(chunk: GenerationChunk) -> str | None:
    """Return how a chunk ends its text, as OpenAI's API calls it."""
    return FINISH_REASONS[chunk.finish_reason]


def best_chunks(plan: CompletionPlan, chunks: list[GenerationChunk]) -> list[GenerationChunk]:
    """Return the texts of one prompt that are told: all, or the `n` most probable a token, best first."""
    return chunks if plan.best_of == plan.n else sorted(chunks, key=_mean_logprob, reverse=True)[: plan.n]


def _mean_logprob(chunk: GenerationChunk) -> float:
    logprobs = [*chunk.logprobs, *([chunk.end.logprob] if chunk.end else [])]
    return math.fsum(logprobs) / len(logprobs) if logprobs else -math.inf


def usage_content(plan: CompletionPlan, texts: Sequence[GenerationStream]) -> dict[str, Any]:
    """Return the token counts of a request."""
    prompt, completion = sum(len(prompt.ids) for prompt in plan.prompts), sum(text.completion_tokens for text in texts)
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return counts | {"prompt_tokens_details": {"cached_tokens": sum(text.cached_tokens for text in texts)}}
