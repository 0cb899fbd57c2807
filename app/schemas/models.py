"""Response bodies about models: the list, one model, its vocabulary, and health checks."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.base import ResponseBody


class ModelSummary(ResponseBody):
    """A served model."""

    id: str = Field(description="`name@version`, which never changes its meaning.", examples=["gutenberg-kn@1"])
    object: Literal["model"] = Field(description="Always `model`.")
    created: int = Field(description="When it was published, in seconds since 1970.", examples=[1764000000])
    owned_by: str = Field(description="Always `nextword`.", examples=["nextword"])
    name: str = Field(description="Its name, which means its newest version.", examples=["gutenberg-kn"])
    version: int = Field(description="Its version: 1, 2, 3, ...", examples=[1])
    newest: bool = Field(description="Whether `name` alone means this version.")
    kind: str = Field(
        description="Its family: `ngram`, `rnn`, `lstm`, `gru`, `mixture`, `cache`, `neural_cache`.",
        examples=["ngram"],
    )
    unit: Literal["word", "character", "bpe"] = Field(description="What its tokens are.", examples=["word"])
    vocabulary_size: int = Field(description="Tokens in its vocabulary, `<unk>` and `</s>` included.")
    parameters: int = Field(description="Numbers the model holds.")
    precision: Literal["int8", "float32"] = Field(description="What it computes in; its files say what was trained.")
    bytes: int = Field(description="Size of its files but its card, in bytes; 0 for what is made of others.")


class ModelProblem(ResponseBody):
    """A published model that cannot be used."""

    id: str = Field(description="`name@version`.", examples=["gutenberg-kn@2"])
    message: str = Field(description="What is wrong with it.")


class ModelList(ResponseBody):
    """List of all models, by name and version."""

    object: Literal["list"] = Field(description="Always `list`.")
    data: list[ModelSummary] = Field(description="The models that can be asked.")
    has_more: bool = Field(description="Always false: the list is whole.")
    loading: list[str] = Field(description="Models, as `name@version`, that are there and still being loaded.")
    problems: list[ModelProblem] = Field(description="Published models that cannot be used, and why.")


class PrefixCacheFigures(ResponseBody):
    """Contents and hit counts of a prefix cache."""

    prefixes: int = Field(description="How many prefixes are kept.")
    bytes: int = Field(description="Memory that they take.")
    capacity_bytes: int = Field(description="Most that they may take.")
    hits: int = Field(description="Prompts and contexts, since the model loaded, that began with one that was kept.")
    misses: int = Field(description="Those that did not.")
    cached_tokens: int = Field(description="Tokens that did not have to be read.")


class ModelDetail(ModelSummary):
    """A served model with its metrics, prefix cache and card."""

    metrics: dict[str, Any] = Field(description="What was measured when it was made, perplexities among it.")
    prefix_cache: PrefixCacheFigures | None = Field(description="Of a recurrent model; others need none.")
    card: dict[str, Any] = Field(description="Its card: configuration, origin, licence, hashes, versions.")


class VocabularyEntry(ResponseBody):
    """An entry of a vocabulary."""

    token: str = Field(description="The token.", examples=["the"])
    id: int = Field(description="Its id.", examples=[4])
    special: bool = Field(description="Whether it is `<unk>` or `</s>`.")


class Vocabulary(ResponseBody):
    """Page of a vocabulary, by id."""

    object: Literal["list"] = Field(description="Always `list`.")
    model: str = Field(description="The model, as `name@version`.", examples=["gutenberg-kn@1"])
    data: list[VocabularyEntry] = Field(description="Tokens, by rising id.")
    has_more: bool = Field(description="Whether there are more; ask with `after` = the last id here.")
    total: int = Field(description="How many tokens there are in all pages.")


class VocabularyQuery(BaseModel):
    """Query parameters of a page of a vocabulary."""

    model_config = ConfigDict(extra="forbid")

    prefix: str = Field("", description="Only ordinary tokens that begin with this.", examples=["wh"])
    after: int = Field(-1, ge=-1, description="Only tokens with a larger id than this.", examples=[-1])
    limit: int = Field(100, ge=1, le=10_000, description="Most tokens in the answer.", examples=[20])


class Live(ResponseBody):
    """Confirmation that the process answers."""

    status: Literal["live"] = Field(description="Always `live`.")


class Ready(ResponseBody):
    """Readiness: whether the models that were published at the start are loaded."""

    status: Literal["ready", "loading", "stopping"] = Field(
        description="`loading` until the first are loaded and `stopping` once the server goes down, with status 503."
    )
    models: list[str] = Field(description="Models that can be asked, as `name@version`.")
    loading: list[str] = Field(description="Models still being loaded.")
    problems: list[ModelProblem] = Field(description="Published models that cannot be used, and why.")
