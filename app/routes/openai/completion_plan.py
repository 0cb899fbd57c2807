"""Plan of a completion: its prompts and parameters, checked against model and settings."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.routes.dependencies import ModelRequest
from app.routes.openai.prompts import Prompt, read_prompts
from app.schemas.generate import stop_strings
from app.schemas.openai.completion_request import CompletionRequest
from models.errors import InvalidInput, UnsupportedByModel
from models.inference.config import SamplingParams
from models.inference.logit_bias import parse_logit_bias

SHARED_FIELDS = ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty")
"""Fields that a request shares with `SamplingParams`, by name and meaning."""


@dataclass(frozen=True)
class CompletionPlan:
    """Prompts and parameters of one request, its defaults filled in."""

    request: ModelRequest
    body: CompletionRequest
    prompts: list[Prompt]
    n: int
    """Texts told for each prompt."""
    best_of: int
    """Texts generated for each prompt."""
    max_tokens: int
    echo: bool
    logprobs: int | None
    """Most probable tokens told in the place of each; None where no log-probabilities are told."""
    seed: int
    stream: bool

    @property
    def scores_prompts(self) -> bool:
        """Whether the log-probabilities of the prompts are told."""
        return self.echo and self.logprobs is not None

    @property
    def tells_usage(self) -> bool:
        """Whether a stream ends with the token counts."""
        options = self.body.stream_options
        return bool(options and options.include_usage)

    @cached_property
    def head(self) -> dict[str, Any]:
        """Fields that the answer, and each event of a stream, begins with."""
        head = {"id": f"cmpl-{secrets.token_hex(12)}", "object": "text_completion", "created": int(time.time())}
        return head | self.request.served.answer_fields | {"seed": self.seed}

    def sampling_params(self) -> SamplingParams:
        """Return the parameters of each text. Raises InvalidInput."""
        body, tokenizer = self.body, self.request.checkpoint.tokenizer
        return SamplingParams(
            **{name: body.value(name) for name in SHARED_FIELDS},
            top_k=max(0, body.value("top_k")),
            max_tokens=self.max_tokens,
            seed=self.seed % 2**64,
            stop=stop_strings(body.stop),
            logit_bias=parse_logit_bias(tokenizer, body.logit_bias) if body.logit_bias else (),
            top_logprobs=self.logprobs or 0,
        )

    def groups(self) -> Iterator[slice]:
        """Yield the parts of the prompts whose texts are generated together: no more than have rows."""
        size = max(1, self.request.settings.max_running // self.best_of)
        for begin in range(0, len(self.prompts), size):
            yield slice(begin, begin + size)


def plan_completion(request: ModelRequest, body: CompletionRequest) -> CompletionPlan:
    """Return the plan of a request.

    Raises InvalidInput for values beyond limits, or that do not go together or with the model.
    """
    capabilities = request.checkpoint.model.capabilities
    fills_only = "fill" in capabilities and "generate" not in capabilities
    if body.suffix and not fills_only:
        raise InvalidInput("suffix", "this model continues a text and reads nothing after it; a fill-in model takes it")
    if not body.suffix and fills_only:
        raise UnsupportedByModel("model", "a fill-in model continues no text: give a suffix, the text after the word")
    n = body.value("n")
    logprobs, size = body.logprobs, request.checkpoint.card.vocabulary_size
    plan = CompletionPlan(
        request,
        body,
        read_prompts(request.checkpoint.tokenizer, body.prompt),
        n,
        n if body.best_of is None else body.best_of,
        body.value("max_tokens"),
        body.value("echo"),
        size if logprobs == -1 else None if logprobs is None else min(logprobs, size),
        secrets.randbits(53) if body.seed is None else body.seed,
        body.value("stream"),
    )
    _check_counts(plan)
    _check_lengths(plan)
    _check_logprobs(plan)
    return plan


def _check_counts(plan: CompletionPlan) -> None:
    settings = plan.request.settings
    plan.request.check_count("prompt", plan.prompts)
    limits = (
        ("max_tokens", plan.max_tokens, settings.max_tokens),
        ("n", plan.n, settings.max_choices),
        ("best_of", plan.best_of, settings.max_choices),
    )
    for field, value, limit in limits:
        if value > limit:
            raise InvalidInput(field, f"at most {limit}, not {value}")
    if plan.best_of < plan.n:
        raise InvalidInput("best_of", f"at least n, which is {plan.n}, not {plan.best_of}")
    if plan.stream and plan.best_of > plan.n:
        raise InvalidInput("best_of", "is not streamed: the best texts are known only when all have ended")
    if plan.stream and len(plan.prompts) * plan.n > max(settings.max_running, plan.n):
        raise InvalidInput("prompt", f"a stream has at most {settings.max_running} texts, n for each prompt")


def _check_lengths(plan: CompletionPlan) -> None:
    """Raise InvalidInput for a prompt that is too long; prompts that are scored may have more tokens."""
    settings = plan.request.settings
    limit = settings.max_rows if plan.scores_prompts else settings.max_prompt_tokens
    for i, prompt in enumerate(plan.prompts):
        if len(prompt.ids) > limit:
            field = "prompt" if len(plan.prompts) == 1 else f"prompt.{i}"
            raise InvalidInput(field, f"at most {limit} tokens, not {len(prompt.ids)}")


def _check_logprobs(plan: CompletionPlan) -> None:
    """Raise InvalidInput where an answer would tell too many log-probabilities."""
    if plan.logprobs is None:
        return
    words = 1 if plan.body.suffix else plan.max_tokens  # one word is filled in
    tokens = len(plan.prompts) * plan.best_of * words
    tokens += sum(len(prompt.ids) for prompt in plan.prompts) if plan.echo else 0
    count, most = max(1, plan.logprobs) * tokens, plan.request.settings.max_rows
    if count > most:
        raise InvalidInput("logprobs", f"at most {most} in one answer; for {tokens} tokens at most these are {count}")
