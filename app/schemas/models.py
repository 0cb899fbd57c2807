"""Request and response bodies about models: list, details, vocabulary, aliases; and health checks."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from app.schemas.base import LARGEST_INTEGER, NamedToken, QueryParameters, RequestBody, ResponseBody, Text
from app.schemas.details.cards import ModelCard, ModelMetrics
from models.checkpoint.model_name import NAME, VERSION
from models.model import Capability
from models.neural.config import NetworkFormat
from models.ngram.config import ExportFormat
from models.tokenization.config import TokenKind


class ModelSummary(ResponseBody):
    """A served model."""

    id: str = Field(description="`name@version`, which never changes its meaning.", examples=["gutenberg-kn@1"])
    object: Literal["model"] = Field(description="Always `model`.")
    created: int = Field(description="When it was published, in seconds since 1970.", examples=[1764000000])
    owned_by: str = Field(description="Always `nextword`.", examples=["nextword"])
    name: str = Field(description="Its name, which means its newest version.", examples=["gutenberg-kn"])
    version: int = Field(description="Its version: 1, 2, 3, ...", examples=[1])
    newest: bool = Field(description="Whether `name` alone means this version.")
    loaded: bool = Field(description="Whether it is in memory; otherwise the first request for it loads it.")
    kind: str = Field(
        description="Its family: `ngram`, `lstm`, `mixture`, `classifier`, `tagger` and so on.", examples=["ngram"]
    )
    capabilities: list[Capability] = Field(
        description="What it can be asked: the names of its routes under /v1/models/{model}; `embed` is asked at "
        "/v1/embeddings.",
        examples=[["next", "probability"]],
    )
    unit: TokenKind = Field(description="Kind of tokens.", examples=["word"])
    vocabulary_size: int = Field(description="Tokens in its vocabulary, `<unk>` and `</s>` included.")
    parameters: int = Field(description="Parameters of the model.")
    precision: Literal["int8", "float32"] = Field(
        description="Numbers that the model computes with; its files hold what was trained."
    )
    bytes: int = Field(description="Size of its files without the card, in bytes; 0 for models made of others.")
    normalized: bool = Field(
        description="Whether each of its distributions sums to one; some imported models were published though theirs "
        "do not, and their probabilities and perplexities are not to be compared with those of others."
    )


class ModelProblem(ResponseBody):
    """A published model that cannot be used."""

    id: str = Field(description="`name@version`.", examples=["gutenberg-kn@2"])
    message: str = Field(description="Reason why it cannot be used.")


class ModelList(ResponseBody):
    """List of models, by name and version."""

    object: Literal["list"] = Field(description="Always `list`.")
    data: list[ModelSummary] = Field(description="The models that can be asked.")
    has_more: bool = Field(description="Whether there are more: ask with `after` = the last id here.")
    loading: list[str] = Field(description="Published models still being loaded, as `name@version`.")
    problems: list[ModelProblem] = Field(description="Published models that cannot be used, and why.")


class PrefixCacheFigures(ResponseBody):
    """Contents and hit counts of a prefix cache."""

    prefixes: int = Field(description="Count of cached prefixes.")
    bytes: int = Field(description="Memory that the prefixes take.")
    capacity_bytes: int = Field(description="Most memory that the prefixes may take.")
    hits: int = Field(description="Prompts and contexts since the model was loaded that began with a cached prefix.")
    misses: int = Field(description="Prompts and contexts that did not.")
    cached_tokens: int = Field(description="Tokens whose states were found in the cache.")


class ModelDetail(ModelSummary):
    """A served model with its metrics, prefix cache and card."""

    labels: list[str] | None = Field(description="Labels of a classifier, or tags of a tagger; null for other models.")
    metrics: ModelMetrics = Field(description="Figures measured when the model was made, perplexities among them.")
    prefix_cache: PrefixCacheFigures | None = Field(
        description="Prefix cache of a recurrent model in memory; null for others."
    )
    card: ModelCard = Field(description="Its card: configuration, origin, licence, hashes, versions.")


class ModelsQuery(QueryParameters):
    """Query parameters of a page of models."""

    limit: int | None = Field(None, ge=1, le=10_000, description="Most models in the answer; unset: all.")
    after: str = Field(
        "",
        max_length=100,
        description="Only models that come after this one, `name@version`.",
        json_schema_extra={"pattern": f"^({NAME.pattern}(@{VERSION.pattern})?)?$"},
    )


class VocabularyEntry(NamedToken):
    """An entry of a vocabulary."""

    special: bool = Field(description="Whether it is `<unk>` or `</s>`.")


class Vocabulary(ResponseBody):
    """Page of a vocabulary, by id."""

    object: Literal["list"] = Field(description="Always `list`.")
    model: str = Field(description="The model, as `name@version`.", examples=["gutenberg-kn@1"])
    data: list[VocabularyEntry] = Field(description="Tokens, by rising id.")
    has_more: bool = Field(description="Whether there are more; ask with `after` = the last id here.")
    total: int = Field(description="Count of tokens in all pages.")


class VocabularyQuery(QueryParameters):
    """Query parameters of a page of a vocabulary."""

    prefix: Text = Field("", description="Only ordinary tokens that begin with this.", examples=["wh"])
    after: int = Field(
        -1, ge=-1, le=LARGEST_INTEGER, description="Only tokens with a larger id than this.", examples=[-1]
    )
    limit: int = Field(100, ge=1, le=10_000, description="Most tokens in the answer.", examples=[20])


class ExportQuery(QueryParameters):
    """Query parameters of an export."""

    format: Literal[ExportFormat, NetworkFormat] = Field(
        "arpa",
        description="`arpa`: ARPA text. `unigrams`: the words, one a line. `openfst`: a model of order 1 or 2 as "
        "OpenFst's text, as for low-order density ratios (LODR); arcs are labelled with token ids. `symbols`: the "
        "labels of those arcs by name, OpenFst's table of symbols. `onnx`: a recurrent model, in the signature of "
        "sherpa-onnx: vectors of its state go in and come out.",
    )


EXPORT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file of the model.",
        "content": {
            "text/plain": {"schema": {"type": "string"}, "example": "\\data\\\nngram 1=4\n..."},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


class Live(ResponseBody):
    """Confirmation that the process answers."""

    status: Literal["live"] = Field(description="Always `live`.")


class FailingTask(ResponseBody):
    """Background work whose last try failed."""

    task: str = Field(description="`models` looks at the published models, `database` at aliases.", examples=["models"])
    message: str = Field(description="What happened.", examples=["Permission denied"])
    times: int = Field(description="How often it failed one after the other.")


class Ready(ResponseBody):
    """Readiness: whether the models that are loaded ahead are in memory, and the others can be asked."""

    status: Literal["ready", "degraded", "loading", "stopping"] = Field(
        description="`loading` until the first are loaded and `stopping` once the server goes down, with status 503; "
        "`degraded` while something in `failing` does."
    )
    models: list[str] = Field(description="Models that can be asked, as `name@version`.")
    loading: list[str] = Field(description="Models still being loaded ahead.")
    problems: list[ModelProblem] = Field(description="Published models that cannot be used, and why.")
    failing: list[FailingTask] = Field(description="Background work that fails and is tried again.")


class AliasRequest(RequestBody):
    """Model that an alias shall refer to."""

    model: str = Field(description="One version of a model, as `name@version`.", examples=["gutenberg-kn@1"])


class AliasAnswer(ResponseBody):
    """An alias and the model that it refers to."""

    id: str = Field(description="The alias.", examples=["production"])
    object: Literal["alias"] = Field(description="Always `alias`.")
    model: str = Field(description="The model that it refers to, as `name@version`.", examples=["my-model@3"])
    updated_at: int = Field(description="When it was last changed, in seconds since 1970.")


class AliasList(ResponseBody):
    """List of all aliases, by name."""

    object: Literal["list"] = Field(description="Always `list`.")
    data: list[AliasAnswer] = Field(description="The aliases.")
    has_more: bool = Field(description="Always false: the list is whole.")


class AliasDeleted(ResponseBody):
    """Confirmation that an alias was deleted."""

    id: str = Field(description="The alias.")
    object: Literal["alias"] = Field(description="Always `alias`.")
    deleted: Literal[True] = Field(description="Always true.")


class ModelDeleted(ResponseBody):
    """Confirmation that a model was deleted."""

    id: str = Field(description="`name@version`.")
    object: Literal["model"] = Field(description="Always `model`.")
    deleted: Literal[True] = Field(description="Always true.")
