"""A model's card and figures, as `GET /v1/models/{model}` shows them."""

from __future__ import annotations

from pydantic import ConfigDict, Field, JsonValue

from app.schemas.base import ResponseBody

Figures = dict[str, JsonValue]
"""Figures by name: numbers, null where one is not finite, and groups of them."""


class CardFile(ResponseBody):
    """Hash and size of a file."""

    sha256: str = Field(description="Of its bytes, as 64 hexadecimal digits.")
    size: int = Field(description="In bytes.")


class CardMember(ResponseBody):
    """A published model that a composite is made of."""

    model: str = Field(description="The model, as `name@version`.", examples=["gutenberg-lstm@1"])
    sha256: str = Field(description="Hash of its card.")


class CardProvenance(ResponseBody):
    """Origin of a model."""

    command: str = Field(description="The command, or the request, that makes this model again.")
    licence: str = Field(description="Licence of the training text.")
    corpus: dict[str, CardFile] = Field(description="Files that it was trained on, by name.")
    recipe: dict[str, JsonValue] = Field(description="Every setting of the training.")
    metrics: Figures = Field(description="What was measured: the model's `metrics`.")
    job: str | None = Field(description="Id of the job that made it; null where none did.")


class ModelCard(ResponseBody):
    """Card of a model: all that its folder says of it."""

    format: int = Field(description="Version of the folder's layout.")
    kind: str = Field(description="The model's family.", examples=["ngram"])
    config: dict[str, JsonValue] = Field(description="What the family needs to build the model, beside the weights.")
    vocabulary_size: int = Field(description="Tokens, `<unk>` and `</s>` included.")
    parameters: int = Field(description="How many numbers the model holds.")
    tokenizer: dict[str, JsonValue] = Field(description="Settings of the tokenizer.")
    provenance: CardProvenance = Field(description="Where the model comes from.")
    versions: dict[str, str] = Field(description="Versions of the software that made it.")
    created: str = Field(description="When it was published, UTC, ISO 8601.", examples=["2026-11-24T22:20:01+00:00"])
    files: dict[str, CardFile] = Field(description="The other files of its folder, by name.")
    members: list[CardMember] = Field(description="The models that it is made of; none for most.")
    normalized: bool = Field(description="Whether each of its distributions sums to one.")


class ModelMetrics(ResponseBody):
    """Figures measured when a model was made, in groups."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    training: Figures | None = Field(None, description="Of the training: its text, steps, seconds, loss.")
    validation: Figures | None = Field(
        None,
        description="On text or examples that were held out: of a language model a group for each unit, `lines` and "
        "`document`, with perplexities; of others accuracy, F1 and the like.",
    )
    int8: Figures | None = Field(None, description="The same in int8, where a network was measured in it.")
    fit: Figures | None = Field(None, description="Of the fit of a mixture's weights.")
