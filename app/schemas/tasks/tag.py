"""Request and response bodies of tagging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from pydantic import Field

from app.schemas.base import MODEL_FIELD, ItemError, RequestBody, ResponseBody, SourceTexts
from models.tasks.tagging.tagged_text import TaggedText


class TagRequest(RequestBody):
    """Request for the tags of texts."""

    text: SourceTexts = Field(
        description="A text, or several, each on its own; each line of a text is a sentence.",
        examples=[["the old dog saw a bird .", "time flies like an arrow ."]],
    )
    probabilities: bool = Field(
        False, description="Whether to give the probability of every tag at each token.", examples=[False]
    )


class TagProbability(ResponseBody):
    """A tag with its probability."""

    tag: str = Field(description="The tag.", examples=["NN"])
    probability: float = Field(description="Its probability at this token, 0 to 1, whatever tags the others have.")


class TaggedToken(ResponseBody):
    """A token with its tag."""

    token: str = Field(description="The token as it stands in the text.", examples=["dog"])
    begin: int = Field(description="Position of its first character in the text, from 0.")
    end: int = Field(description="Position after its last character.")
    tag: str = Field(description="Its tag in the most probable sequence of tags.", examples=["NN"])
    probability: float = Field(description="Probability of this tag, whatever tags the other tokens have.")
    probabilities: list[TagProbability] | None = Field(
        None, description="All tags, most probable first, where asked for; their probabilities sum to one."
    )


class TaggedSpan(ResponseBody):
    """Tokens that BIO tags mark as one, such as the name of a person."""

    type: str = Field(description="Its type: `PER` of the tags `B-PER` and `I-PER`.", examples=["PER"])
    text: str = Field(description="Its characters in the text.")
    begin: int = Field(description="Position of its first character in the text, from 0.")
    end: int = Field(description="Position after its last character.")
    begin_token: int = Field(description="Position of its first token, from 0.")
    end_token: int = Field(description="Position after its last token.")
    probability: float = Field(description="Probability that exactly this span is there.")


class TagResult(ResponseBody):
    """The tags of one text."""

    tokens: list[TaggedToken] = Field(description="The tokens of the text; newlines are none.")
    spans: list[TaggedSpan] = Field(description="What BIO tags mark; empty where the tags are of another kind.")


class TagAnswer(ResponseBody):
    """Tags of the texts."""

    model: str = MODEL_FIELD
    results: list[TagResult | ItemError] = Field(description="One for each text, in their order.")


def tag_content(text: TaggedText) -> dict[str, Any]:
    """Return the JSON content of a tagged text."""
    tokens = [
        {"token": t.text, "begin": t.begin, "end": t.end, "tag": t.tag, "probability": t.probability}
        for t in text.tokens
    ]
    return {"tokens": tokens, "spans": [asdict(span) for span in text.spans]}


def tag_probabilities(text: TaggedText, tags: Sequence[str]) -> list[list[dict[str, Any]]]:
    """Return the JSON content of all tags at each token of a tagged text, most probable first."""
    order = np.argsort(-text.probabilities, axis=1, kind="stable")
    ranked = zip(order.tolist(), np.take_along_axis(text.probabilities, order, 1).tolist(), strict=True)
    return [
        [{"tag": tags[i], "probability": probability} for i, probability in zip(*columns, strict=True)]
        for columns in ranked
    ]
