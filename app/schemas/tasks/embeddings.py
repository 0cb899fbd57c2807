"""Request and response bodies of embeddings, in OpenAI's shape with additions."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from app.schemas.base import MODEL_FIELD, ItemError, RequestBody, ResponseBody, SourceText, described_as
from app.schemas.items import EachItem, Items
from app.schemas.limits import limited_by
from models.tasks.embedding.config import EmbeddingPooling

EncodingFormat = Literal["float", "base64"]


def _refuse_token_ids(value: Any) -> Any:
    """Refuse a list of nothing but token ids, or lists of them, as a whole: a client meant no text at all."""
    if isinstance(value, list) and all(isinstance(item, int | list) for item in value):
        raise ValueError("token ids")
    return value


Input = Annotated[
    SourceText | Annotated[Items[str], EachItem(SourceText), Field(json_schema_extra=limited_by("max_texts"))],
    BeforeValidator(_refuse_token_ids),
    described_as("a string, or a list of at least one string, in Unicode; token ids are not accepted: send the text"),
]
Vector = list[float] | str
"""Numbers, or the base64 of as many little-endian float32."""


class EmbeddingsRequest(RequestBody):
    """Request for the vectors of texts."""

    model: SourceText = Field(
        description="The model: `name` (its newest version), `name@version`, or an alias.", examples=["sentiment"]
    )
    input: Input = Field(
        description="A text, or several, each on its own.", examples=[["a warm and funny film", "I laughed a lot"]]
    )
    encoding_format: EncodingFormat = Field(
        "float",
        description="`float`: lists of numbers; `base64`: as little-endian float32, which OpenAI's clients ask for.",
        examples=["float"],
    )
    dimensions: int | None = Field(
        None,
        ge=1,
        description="Only the size of the model's vectors is accepted: shorter ones would mean nothing.",
        examples=[None],
    )
    user: SourceText | None = Field(
        None, description="Accepted for clients that send it, and not used.", examples=["reader-1"]
    )
    pooling: EmbeddingPooling = Field(
        "mean",
        description="How the vectors of a text's tokens become one: their `mean` or `max` number by number, or the "
        "`last`, that after the whole text (for each direction of reading).",
        examples=["mean"],
    )
    per_token: bool = Field(False, description="Whether to give the vector of each token as well.", examples=[False])


class ModelEmbeddingsRequest(EmbeddingsRequest):
    """Request to the model that the path names; a model in the body is not looked at."""

    model: SourceText | None = Field(  # type: ignore[assignment]
        None, description="Not looked at: the path names the model.", examples=["sentiment"]
    )


class TokenEmbedding(ResponseBody):
    """A token with its vector, which depends on the text around it."""

    token: str = Field(description="The token as it stands in the text; `</s>`, its end, comes last.")
    begin: int = Field(description="Position of its first character in the text, from 0.")
    end: int = Field(description="Position after its last character.")
    embedding: Vector = Field(description="Its vector.")


class TextEmbedding(ResponseBody):
    """The vector of a text."""

    object: Literal["embedding"] = Field(description="Always `embedding`.")
    index: int = Field(description="Index of the text in the request, from 0.")
    embedding: Vector = Field(description="Its vector, in the format asked for; not scaled to length one.")
    tokens: list[TokenEmbedding] | None = Field(None, description="Its tokens, where asked for.")


class RefusedEmbedding(ItemError):
    """A text that is not acceptable; the others have their vectors."""

    object: Literal["embedding"] = Field(description="Always `embedding`.")
    index: int = Field(description="Index of the text in the request, from 0.")
    embedding: None = Field(description="Always null.")


class EmbeddingsUsage(ResponseBody):
    """Counts of tokens."""

    prompt_tokens: int = Field(description="Tokens of all texts, the end of each included.")
    total_tokens: int = Field(description="The same.")


class EmbeddingsAnswer(ResponseBody):
    """Vectors of the texts."""

    object: Literal["list"] = Field(description="Always `list`.")
    data: list[TextEmbedding | RefusedEmbedding] = Field(description="One for each text, in their order.")
    model: str = MODEL_FIELD
    usage: EmbeddingsUsage = Field(description="Counts of tokens.")


def vector_content(vector: NDArray[Any], encoding_format: EncodingFormat) -> Vector:
    """Return a vector as JSON content."""
    if encoding_format == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    numbers: list[float] = np.asarray(vector).tolist()
    return numbers
