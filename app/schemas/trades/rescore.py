"""Request and answer bodies of rescoring hypotheses."""

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
from models.errors import InvalidInput

MAX_MODELS = 8
"""Most models beside the one of the path."""
_LIMIT = 1e6
"""Largest weight, of either sign."""


class Hypothesis(RequestBody):
    """Hypothesis of a recogniser, a translator or a corrector."""

    text: Text = Field(description="Its words.", examples=["recognise speech"])
    score: float = Field(
        0.0, ge=-1e12, le=1e12, description="The recogniser's own score, a natural logarithm: larger is better."
    )


class HypothesisList(RequestBody):
    """The n-best list of one utterance."""

    hypotheses: Annotated[Items[Hypothesis], EachItem(Hypothesis)] = Field(
        description="The n-best list.",
        examples=[[{"text": "it was a fine day", "score": -12.5}, {"text": "it was a find a", "score": -12.1}]],
    )
    context: Text = Field("", description="Text said before; read, not scored.", examples=[""])


class ModelWeight(RequestBody):
    """A further model, and what it counts."""

    model: str = Field(
        description="The model, as `name`, `name@version` or an alias; its tokens may be others.",
        examples=["gutenberg-lstm"],
    )
    weight: float = Field(
        ge=-_LIMIT,
        le=_LIMIT,
        description="Weight of its log-probability (nats); below 0 for a model whose influence is taken away, as in "
        "the density ratio method and in LODR.",
        examples=[0.3],
    )
    oov_penalty: float = Field(
        0.0, ge=-_LIMIT, le=_LIMIT, description="Taken off for each word that it does not know.", examples=[0.0]
    )


class RescoreWeights(RequestBody):
    """Weights of the summands of a total, as a `tune` job finds them."""

    score_weight: float = Field(
        1.0, ge=-_LIMIT, le=_LIMIT, description="Weight of the recogniser's own score.", examples=[1.0]
    )
    lm_weight: float = Field(
        1.0, ge=-_LIMIT, le=_LIMIT, description="Weight of the log-probability (nats).", examples=[0.7]
    )
    models: list[ModelWeight] = Field([], max_length=MAX_MODELS, description="More models, each with its own weight.")
    word_bonus: float = Field(
        0.0,
        ge=-_LIMIT,
        le=_LIMIT,
        description="Added for each word, whatever the tokens, against the liking for short texts.",
        examples=[0.5],
    )
    oov_penalty: float = Field(
        0.0, ge=-_LIMIT, le=_LIMIT, description="Taken off for each unknown word.", examples=[2.0]
    )
    zero_logprob: float = Field(
        -100.0,
        ge=-_LIMIT,
        le=0,
        description="What each token that a model gives no probability counts as in the total (nats), so that "
        "hypotheses with such tokens are ranked by what is left of them.",
    )


class RescoreRequest(RescoreWeights):
    """Request to rank the hypotheses of one list, or of several.

    They are ranked by `score_weight * score + lm_weight * logprob + word_bonus * words - oov_penalty * oov_count`, and
    for each of `models` `weight * logprob - oov_penalty * oov_count` more.
    """

    hypotheses: Annotated[Items[Hypothesis], EachItem(Hypothesis)] | None = Field(
        None,
        description="The n-best list; or give `lists`.",
        examples=[[{"text": "it was a fine day", "score": -12.5}, {"text": "it was a find a", "score": -12.1}]],
    )
    context: Text = Field("", description="Text said before; read, not scored. Of `lists`, each has its own.")
    lists: Annotated[Items[HypothesisList], EachItem(HypothesisList)] | None = Field(
        None, description="Several n-best lists, each ranked by itself; the answer then has `lists`."
    )
    bos: bool = BOS_FIELD
    eos: bool = Field(True, description="Whether the end of the text is scored as well.")

    def nbest_lists(self) -> Items[HypothesisList]:
        """Return the lists to rank, of which `hypotheses` is one.

        Raises InvalidInput where both are given, or neither.
        """
        if self.lists is None:
            if self.hypotheses is None:
                raise InvalidInput("hypotheses", "give the n-best list, or several as `lists`")
            return [HypothesisList.model_construct(hypotheses=self.hypotheses, context=self.context)]
        if self.hypotheses is not None:
            raise InvalidInput("lists", "give it or `hypotheses`, not both")
        if self.context:
            raise InvalidInput("context", "each of `lists` has its own")
        return self.lists


class ScoreParts(ResponseBody):
    """The summands of a total."""

    score: float = Field(description="`score_weight * score`.")
    lm: float = Field(description="`lm_weight * logprob`, with `zero_logprob` for each token of probability zero.")
    words: float = Field(description="`word_bonus * words`.")
    oov: float = Field(description="`-oov_penalty * oov_count`.")
    models: float | None = Field(None, description="Sum of what `models` count, where any were asked for.")


class TextFigures(ResponseBody):
    """A model's figures of a hypothesis."""

    logprob: float | None = LOGPROB_FIELD
    zero_probability: bool | None = ZERO_FIELD
    zero_count: int | None = Field(
        None,
        description="Count of tokens of probability zero, each of which counts as `zero_logprob`, where there are.",
    )
    token_count: int = Field(description="Tokens scored, the end of the text included where it was.")
    oov_count: int = Field(description="Count of tokens out of the vocabulary.")


class ModelFigures(TextFigures):
    """Figures of a further model."""

    model: str = MODEL_FIELD
    part: float = Field(description="What it counts: `weight * logprob - oov_penalty * oov_count`.")


class Ranked(TextFigures):
    """A hypothesis with its new score."""

    index: int = Field(description="Index of the hypothesis in the list, from 0.")
    text: str = Field(description="Its words.")
    total: float = Field(description="Sum of the parts.")
    parts: ScoreParts = Field(description="Summands of the total.")
    words: int = Field(description="Words, which blanks separate.")
    models: list[ModelFigures] | None = Field(None, description="Figures of the other models, where there are any.")


class RefusedHypothesis(ItemError):
    """A hypothesis that is not acceptable; it is ranked last."""

    index: int = Field(description="Index of the hypothesis in the list, from 0.")


class RankedList(ResponseBody):
    """The hypotheses of a list, best first; equal ones in the order of the request."""

    results: list[Ranked | RefusedHypothesis] = Field(description="Best first.")


class RescoreAnswer(RankedList):
    """The hypotheses of one list, best first; equal ones in the order of the request."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD


class RescoreBatch(ResponseBody):
    """The hypotheses of several lists."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD
    lists: list[RankedList | ItemError] = Field(description="One for each list, in their order.")
