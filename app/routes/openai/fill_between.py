"""Completions with a `suffix`: the word between two texts, by a fill-in model."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

from app.routes.openai.completion_plan import CompletionPlan
from app.routes.openai.generated_texts import choice_content
from app.routes.openai.prompts import Prompt
from app.routes.tasks.fill_effort import estimate_fill
from app.schemas.openai.logprobs import ZERO_LOGPROB
from models.errors import InvalidInput
from models.inference.prefill import Runtime
from models.model import Model
from models.tasks.fill_in.predict import fill
from models.tasks.fill_in.query import FilledText, Filling, FillQuery
from models.tokenization.tokenizer import Tokenizer

BLANK = "___"
"""Place of the word in a text that is to be filled."""


async def fill_between(plan: CompletionPlan) -> list[dict[str, Any]]:
    """Return the choices of a request with a suffix: the `n` best words for each prompt, best first.

    Raises InvalidInput where a text has a blank of its own, or where more is asked than a word.
    """
    _check(plan)
    request, query = plan.request, FillQuery(top_k=max(plan.n, plan.logprobs or 0))
    model, texts = request.checkpoint.model, [_blanked(plan, prompt) for prompt in plan.prompts]
    efforts = [estimate_fill(model, query, text, request.estimate_tokens([text])) for text in texts]
    predict = partial(_fill, model, request.checkpoint.tokenizer, query, request.runtime)
    filled = await request.run(predict(texts), sum(effort.tokens + effort.shown for effort in efforts))
    return [
        _choice(plan, prompt, text, i * plan.n + j, j)
        for i, (prompt, text) in enumerate(zip(plan.prompts, filled, strict=True))
        for j in range(min(plan.n, len(text.fillings)))
    ]


def filled_usage(plan: CompletionPlan, choices: Sequence[object]) -> dict[str, Any]:
    """Return the token counts: of prompts and suffix, and a word for each choice."""
    suffix = len(plan.request.checkpoint.tokenizer.encode(plan.body.suffix or "").ids)
    prompt, completion = sum(len(prompt.ids) + suffix for prompt in plan.prompts), len(choices)
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return counts | {"prompt_tokens_details": {"cached_tokens": 0}}


def _check(plan: CompletionPlan) -> None:
    texts = [plan.body.suffix or "", *(prompt.text for prompt in plan.prompts)]
    if any(BLANK in text for text in texts):
        raise InvalidInput("prompt", f"with a suffix the only blank is between the two; a text has {BLANK}")
    if plan.scores_prompts:
        raise InvalidInput("echo", "with a suffix no log-probabilities of the prompt are told")
    if not plan.max_tokens:
        raise InvalidInput("max_tokens", "at least 1 with a suffix: one word is filled in")


def _blanked(plan: CompletionPlan, prompt: Prompt) -> str:
    return prompt.text + _gap(prompt.text[-1:]) + BLANK + _gap((plan.body.suffix or "")[:1]) + (plan.body.suffix or "")


def _gap(neighbour: str) -> str:
    """Return the blank between a word and the letter or digit beside it; nothing elsewhere."""
    return " " if neighbour.isalnum() else ""


def _fill(
    model: Model, tokenizer: Tokenizer, query: FillQuery, runtime: Runtime, texts: Sequence[str]
) -> Generator[int, None, list[FilledText]]:
    return (yield from fill(model, tokenizer, texts, query, runtime))


def _choice(plan: CompletionPlan, prompt: Prompt, text: FilledText, index: int, rank: int) -> dict[str, Any]:
    word = text.fillings[rank].words[0]
    gap, after = _gap(prompt.text[-1:]), _gap((plan.body.suffix or "")[:1])
    before = prompt.text if plan.echo else ""
    logprobs = None
    if plan.logprobs is not None:
        best = [*text.fillings[: plan.logprobs], text.fillings[rank]]
        logprobs = {
            "tokens": [word],
            "token_logprobs": [_logprob(text.fillings[rank])],
            "top_logprobs": [{filling.words[0]: _logprob(filling) for filling in best}],
            "text_offset": [len(before + gap)],
        }
    return choice_content(index, before + gap + word + after, logprobs, "stop")


def _logprob(filling: Filling) -> float:
    return max(filling.logprob, ZERO_LOGPROB)
