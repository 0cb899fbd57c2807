"""Scoring of prompts as work of the engine, described as completions tell it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

from app.routes.openai.prompts import Prompt
from app.schemas.openai.logprobs import LogprobLists
from models.inference.prefill import Runtime
from models.inference.prompt_logprobs import PromptLogprobs, score_prompts
from models.language_model import LanguageModel
from models.state import State

STEP_TOKENS = 1000
"""Tokens whose content is made at a time: about two milliseconds."""


class ScoredPrompt(NamedTuple):
    """A prompt that has been read and scored."""

    lists: LogprobLists
    """Its tokens with their log-probabilities."""
    end_state: State
    """The model's one-row state after it, from which its texts go on."""


def describe_prompts(
    model: LanguageModel, prompts: Sequence[Prompt], k: int, runtime: Runtime
) -> Generator[int, None, list[ScoredPrompt]]:
    """Score prompts; list the tokens of each with the `k` most probable ones in their places.

    The first token of a prompt has neither. Yields the size of each chunk in tokens, 0 for one that only describes.
    """
    scores = yield from score_prompts(model, [prompt.ids_to_read for prompt in prompts], k, runtime)
    described = []
    for prompt, score in zip(prompts, scores, strict=True):
        described.append(ScoredPrompt((yield from _describe(prompt, score)), score.state))
    return described


def _describe(prompt: Prompt, scores: PromptLogprobs) -> Generator[int, None, LogprobLists]:
    lists, offsets = LogprobLists(prompt.tokenizer.names), prompt.offsets()
    if not offsets:
        return lists
    lists.add(int(prompt.ids[0]), None, (), offsets[0])
    for begin in range(1, len(offsets), STEP_TOKENS):
        span = slice(begin, begin + STEP_TOKENS)
        scored = slice(begin - prompt.boundary_count, begin - prompt.boundary_count + STEP_TOKENS)
        columns = prompt.ids[span], scores.logprobs[scored], scores.best[scored], scores.best_logprobs[scored]
        rows = zip(*(column.tolist() for column in columns), offsets[span], strict=True)
        for token, logprob, best, best_logprobs, offset in rows:
            lists.add(token, logprob, zip(best, best_logprobs, strict=True), offset)
        yield 0
    return lists
