"""Request and response bodies of rescoring hypotheses."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.schemas.base import (
    BOS_FIELD,
    LOGPROB_FIELD,
    MODEL_FIELD,
    NORMALIZED_FIELD,
    ZERO_FIELD,
    ItemError,
    RequestBody,
    ResponseBody,
    Text,
)
from app.schemas.items import EachItem, Items


class Hypothesis(RequestBody):
    """Hypothesis of a recogniser, a translator or a corrector."""

    text: Text = Field(description="Its words.", examples=["recognise speech"])
    score: float = Field(
        0.0, ge=-1e12, le=1e12, description="The recogniser's own score, a natural logarithm: larger is better."
    )


class RescoreRequest(RequestBody):
    """Request to rank hypotheses.

    They are ranked by `score + lm_weight * logprob + word_bonus * words - oov_penalty * oov_count`.
    """

    hypotheses: Annotated[Items[Hypothesis], EachItem(Hypothesis)] = Field(
        description="The n-best list.",
        examples=[[{"text": "it was a fine day", "score": -12.5}, {"text": "it was a find a", "score": -12.1}]],
    )
    context: Text = Field("", description="Text said before; read, not scored.", examples=[""])
    lm_weight: float = Field(1.0, ge=-1e6, le=1e6, description="Weight of the log-probability (nats).", examples=[0.7])
    word_bonus: float = Field(
        0.0,
        ge=-1e6,
        le=1e6,
        description="Added for each word, whatever the tokens, against the liking for short texts.",
        examples=[0.5],
    )
    oov_penalty: float = Field(0.0, ge=-1e6, le=1e6, description="Taken off for each unknown word.", examples=[2.0])
    zero_logprob: float = Field(
        -100.0,
        ge=-1e6,
        le=0,
        description="What each token that the model gives no probability counts as in the total (nats), so that "
        "hypotheses with such tokens are ranked by what is left of them.",
    )
    bos: bool = BOS_FIELD
    eos: bool = Field(True, description="Whether the end of the text is scored as well .")


class ScoreParts(ResponseBody):
    """The summands of a total."""

    score: float = Field(description="The recogniser's own.")
    lm: float = Field(description="`lm_weight * logprob`, with `zero_logprob` for each token of probability zero.")
    words: float = Field(description="`word_bonus * words`.")
    oov: float = Field(description="`-oov_penalty * oov_count`.")


class Ranked(ResponseBody):
    """A hypothesis with its new score."""

    index: int = Field(description="Index of the hypothesis in the request, from 0.")
    text: str = Field(description="Its words.")
    total: float = Field(description="Sum of the parts.")
    parts: ScoreParts = Field(description="Summands of the total.")
    logprob: float | None = LOGPROB_FIELD
    zero_probability: bool | None = ZERO_FIELD
    zero_count: int | None = Field(
        None,
        description="Count of tokens of probability zero, each of which counts as `zero_logprob`, where there are.",
    )
    words: int = Field(description="Words, which blanks separate.")
    token_count: int = Field(description="Tokens scored, the end of the text included where it was.")
    oov_count: int = Field(description="Count of tokens out of the vocabulary.")


class RefusedHypothesis(ItemError):
    """A hypothesis that is not acceptable; it is ranked last."""

    index: int = Field(description="Index of the hypothesis in the request, from 0.")


class RescoreAnswer(ResponseBody):
    """The hypotheses, best first; equal ones in the order of the request."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD
    results: list[Ranked | RefusedHypothesis] = Field(description="Best first.")
