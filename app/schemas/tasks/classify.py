"""Request and response bodies of classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from app.schemas.base import (
    LOGPROB_FIELD,
    MODEL_FIELD,
    ZERO_FIELD,
    ItemError,
    RequestBody,
    ResponseBody,
    SourceTexts,
    logprob_fields,
)
from models.model import Floats

if TYPE_CHECKING:
    from models.tasks.classification.word_effect import WordEffect


class ClassifyRequest(RequestBody):
    """Request for the labels of texts."""

    text: SourceTexts = Field(
        description="A text, or several, each on its own.",
        examples=[["a warm and funny film", "too long and not funny at all"]],
    )
    explain: bool = Field(
        False,
        description="Whether to tell which words carried the label: each is left out in turn. It takes as long as "
        "classifying the text once more for each of its words.",
        examples=[True],
    )


class LabelProbability(ResponseBody):
    """A label with its probability."""

    label: str = Field(description="The label.", examples=["positive"])
    probability: float = Field(description="Its probability, 0 to 1.")
    logprob: float | None = LOGPROB_FIELD
    zero_probability: bool | None = ZERO_FIELD


class ExplainedWord(ResponseBody):
    """A word with its effect on the label."""

    text: str = Field(description="The word.", examples=["funny"])
    begin: int = Field(description="Position of its first character in the text, from 0.")
    end: int = Field(description="Position after its last character.")
    effect: float = Field(
        description="Nats by which the label's log-probability is lower without the word; negative: it is higher."
    )


class ClassifyResult(ResponseBody):
    """The labels of one text."""

    label: str = Field(description="The most probable label.", examples=["positive"])
    labels: list[str] = Field(
        description="The labels that the text has: the most probable one; of a model for several labels, all of "
        "probability above one half."
    )
    probabilities: list[LabelProbability] = Field(
        description="All labels, most probable first. Their probabilities sum to one, unless the model gives several "
        "labels, each with a probability of its own."
    )
    explain: list[ExplainedWord] | None = Field(
        None, description="Each word of the text and what it did for `label`, where asked for."
    )


class ClassifyAnswer(ResponseBody):
    """Labels of the texts."""

    model: str = MODEL_FIELD
    results: list[ClassifyResult | ItemError] = Field(description="One for each text, in their order.")


def classify_contents(
    labels: Sequence[str], logprobs: Floats, words: Sequence[Sequence[WordEffect]] | None, *, multi_label: bool
) -> list[dict[str, Any]]:
    """Return the JSON content for log-probabilities [N, L] of texts, and for their words where explained.

    Raises ModelFailed for NaN.
    """
    probabilities = np.exp(logprobs, dtype=np.float64).tolist()
    rows = zip(logprobs.tolist(), probabilities, strict=True)
    contents = [_content(labels, *row, multi_label=multi_label) for row in rows]
    if words is not None:
        for content, effects in zip(contents, words, strict=True):
            content["explain"] = [word._asdict() for word in effects]
    return contents


def _content(
    labels: Sequence[str], logprobs: Sequence[float], probabilities: Sequence[float], *, multi_label: bool
) -> dict[str, Any]:
    """Return the content for a text; plain numbers are ranked in half of the time of an array of few."""
    ranked = sorted(range(len(labels)), key=logprobs.__getitem__, reverse=True)
    shown = [{"label": labels[i], "probability": probabilities[i]} | logprob_fields(logprobs[i]) for i in ranked]
    chosen = [i for i in ranked if probabilities[i] > 0.5] if multi_label else ranked[:1]
    return {"label": labels[ranked[0]], "labels": [labels[i] for i in chosen], "probabilities": shown}
