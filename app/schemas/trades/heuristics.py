"""Request and answer of the gibberish check, in the shape of NeMo Guardrails' heuristics."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from app.schemas.base import MODEL_FIELD, NORMALIZED_FIELD, RequestBody, ResponseBody, Text
from models.evaluation.gibberish_scores import (
    LP_THRESHOLD,
    PS_PPL_THRESHOLD,
    WINDOW_TOKENS,
    GibberishScores,
)

MAX_WINDOW = 1000
"""Most tokens of a window."""


class HeuristicsRequest(RequestBody):
    """Request to check a prompt for gibberish."""

    prompt: Text = Field(
        description="The prompt, of any length that a body may have.",
        examples=["Tell me a story about an old man who lived by the sea and had a dog ."],
    )
    lp_threshold: float | None = Field(
        None,
        gt=0,
        description="Characters over perplexity from which on the prompt is reported. Unset or null: Guardrails' own "
        f"default, {LP_THRESHOLD}, which was found with GPT-2; `nextword calibrate` finds that of a model.",
        examples=[2],
    )
    ps_ppl_threshold: float | None = Field(
        None,
        gt=0,
        description="Perplexity of the prefix or the suffix from which on the prompt is reported. Unset or null: "
        f"Guardrails' own default, {PS_PPL_THRESHOLD}, which was found with GPT-2.",
        examples=[75000],
    )
    window: int = Field(WINDOW_TOKENS, ge=1, le=MAX_WINDOW, description="Tokens of a window.", examples=[WINDOW_TOKENS])
    window_ppl_threshold: float | None = Field(
        None,
        gt=0,
        description="Perplexity of a window from which on the prompt is reported. Unset or null: windows are measured "
        "and report nothing.",
        examples=[3000000],
    )


class HeuristicsScores(ResponseBody):
    """Figures of a prompt; null where they are infinite, or where the prompt is too short for them."""

    length: int = Field(description="Characters of the prompt.")
    token_count: int = Field(description="Tokens of the prompt; the first one is context and not scored.")
    oov_count: int = Field(description="How many of them are out of the vocabulary; each is charged for its spelling.")
    perplexity: float | None = Field(description="exp of the mean of -log P over all tokens but the first.")
    length_per_perplexity: float | None = Field(description="`length` over `perplexity`; 0 where that is infinite.")
    prefix_perplexity: float | None = Field(
        description="Perplexity of the first 19 words; null for a prompt of fewer than 20."
    )
    suffix_perplexity: float | None = Field(
        description="Perplexity of the 19 words before the last one; null for a prompt of fewer than 20."
    )
    window_perplexity: float | None = Field(
        description="Highest perplexity of `window` tokens in a row; of all tokens where there are fewer."
    )
    window_entropy: float | None = Field(description="The same as cross-entropy, in bits a token.")


class HeuristicsAnswer(ResponseBody):
    """Whether a prompt looks like gibberish, and the figures that say so."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD
    jailbreak: bool = Field(
        description="Whether any check reports the prompt. The name is Guardrails'; it is a check for gibberish and "
        "for long predictable prompts, and fluent attacks pass it."
    )
    length_per_perplexity: bool = Field(description="Whether length over perplexity reaches `lp_threshold`.")
    prefix_suffix_perplexity: bool = Field(description="Whether the prefix or the suffix reaches `ps_ppl_threshold`.")
    window_perplexity: bool | None = Field(
        None, description="Whether a window reaches `window_ppl_threshold`, where that is given."
    )
    lp_threshold: float = Field(description="Threshold that was used.")
    ps_ppl_threshold: float = Field(description="Threshold that was used.")
    window: int = Field(description="Tokens of a window.")
    window_ppl_threshold: float | None = Field(None, description="Threshold that was used, where one was given.")
    scores: HeuristicsScores = Field(description="The figures.")


def score_fields(scores: GibberishScores) -> dict[str, Any]:
    """Return the figures as JSON has them: null for what is infinite or not defined."""
    figures = {
        "perplexity": scores.perplexity,
        "length_per_perplexity": scores.length_per_perplexity,
        "prefix_perplexity": scores.prefix_perplexity,
        "suffix_perplexity": scores.suffix_perplexity,
        "window_perplexity": scores.window_perplexity,
        "window_entropy": math.log2(scores.window_perplexity),
    }
    counts = {"length": scores.length, "token_count": scores.token_count, "oov_count": scores.oov_count}
    return counts | {name: value if math.isfinite(value) else None for name, value in figures.items()}
