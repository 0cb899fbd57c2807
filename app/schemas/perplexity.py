"""Request, query parameters and response bodies of perplexity."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, JsonValue

from app.schemas.base import (
    ERROR_COUNT_FIELD,
    LOGPROB_FIELD,
    MODEL_FIELD,
    NORMALIZED_FIELD,
    ZERO_FIELD,
    ErrorDetail,
    ItemError,
    QueryParameters,
    RequestBody,
    ResponseBody,
    Texts,
)
from app.schemas.details.streams import json_lines, schema_ref
from models.data.line_reader import EmptyLines
from models.evaluation.metrics import Unit

UNIT_FIELD = Field(
    None,
    description="`lines`: each line on its own; `document`: what was read before is remembered across lines. Unset: "
    "`lines` for word models, `document` for character models, which have no other.",
    examples=["lines"],
)
EMPTY_LINES_FIELD: Any = Field("keep", description="Whether an empty line counts as one (an end of line to predict).")
EVALUATION_BOS_FIELD: Any = Field(
    True,
    description="Whether the text, or each line where `unit` is `lines`, begins after `</s>`; false: it begins nowhere "
    "in particular, as a part of a longer text.",
)
EVALUATION_EOS_FIELD: Any = Field(
    True,
    description="Whether the end of the text, or of each line where `unit` is `lines`, is scored too. Of a short text "
    "that goes on, or of one that a model of whole plays should not end, leave it out.",
)


RECORD_FIELD: Any = Field(None, description="The record's own fields that have names of the result's, if any.")


class PerplexityRequest(RequestBody):
    """Request for the perplexity of a text."""

    text: Texts = Field(
        description="A text of any number of lines. A list is several texts, each on its own: the answer then has "
        "figures of all together, and `results`, one for each.",
        examples=["it was the best of times , it was the worst of times ,\nit was the age of wisdom ."],
    )
    unit: Unit | None = UNIT_FIELD
    empty_lines: EmptyLines = EMPTY_LINES_FIELD
    bos: bool = EVALUATION_BOS_FIELD
    eos: bool = EVALUATION_EOS_FIELD


class PerplexityQuery(QueryParameters):
    """Query parameters for a body of plain text or of records."""

    unit: Unit | None = Field(None, description="As in the JSON body, for bodies of the other kinds.")
    empty_lines: EmptyLines | None = Field(None, description="As in the JSON body, for bodies of the other kinds.")
    bos: bool | None = Field(None, description="As in the JSON body, for bodies of the other kinds.")
    eos: bool | None = Field(None, description="As in the JSON body, for bodies of the other kinds.")
    keep_text: bool = Field(False, description="Whether results of records repeat their `text`.")
    encoding: str | None = Field(
        None,
        description="Encoding of plain text, as latin-1 or utf-16-le; unset: the Content-Type's `charset`, or UTF-8.",
    )


class PerplexityResult(ResponseBody):
    """Figures of an evaluated text."""

    perplexity: float | None = Field(
        description="exp of the mean cross-entropy over all tokens, an unknown word being `<unk>` however it is "
        "spelled: the figure that papers print. Null where infinite."
    )
    perplexity_without_oov: float | None = Field(description="The same over the tokens in the vocabulary.")
    open_vocabulary_perplexity: float | None = Field(
        description="The same, with each unknown word charged for its spelling as well: what ranks texts, where those "
        "of nothing but unknown words are not to come first. It equals `perplexity` where no word is unknown."
    )
    logprob: float | None = LOGPROB_FIELD
    zero_probability: bool | None = ZERO_FIELD
    token_count: int = Field(description="Tokens scored, ends of lines included where they were.")
    oov_count: int = Field(description="Count of scored tokens that are out of the vocabulary.")
    characters: int = Field(description="Characters of the text, newlines included.")
    bits_per_character: float | None = Field(
        description="Bits for each character of the text, spellings of unknown words included."
    )
    bits_per_byte: float | None = Field(
        description="The same for each byte of it in UTF-8: what compares models of other tokenizers and vocabularies."
    )
    word_count: int = Field(description="Words of the text, which blanks separate.")
    line_count: int = Field(description="Ends of lines of the text, as far as they were scored.")
    perplexity_per_word: float | None = Field(
        description="exp of the cross-entropy for each word and end of a line, whatever the tokens and spellings of "
        "unknown words included: what compares models by words. Null where it is infinite."
    )
    unit: Unit = Field(description="Unit that was scored on its own: `lines` or the whole `document`.")
    empty_lines: EmptyLines = Field(description="Whether empty lines counted.")
    bos: bool = Field(description="Whether what was scored on its own began after `</s>`.")
    eos: bool = Field(description="Whether its end was scored.")
    adaptive: bool = Field(description="Whether the model learned from the text as it scored it, as a cache does.")


class PerplexityAnswer(PerplexityResult):
    """Figures of one text, or of all texts together."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD
    results: list[PerplexityResult | ItemError] | None = Field(
        None, description="Figures of each text, where a list was given."
    )
    error_count: int | None = ERROR_COUNT_FIELD


class RecordPerplexity(PerplexityResult):
    """Figures of a record, beside its own fields."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    record: dict[str, JsonValue] | None = RECORD_FIELD
    normalized: bool | None = NORMALIZED_FIELD


class RefusedRecord(ResponseBody):
    """A record that cannot be scored, with its own fields."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    line: int = Field(description="Number of its line, from 1.")
    error: ErrorDetail = Field(description="Description of the error.")
    record: dict[str, JsonValue] | None = RECORD_FIELD


RESERVED_FIELDS = frozenset(PerplexityResult.model_fields) | {"error", "line", "record", "normalized"}
"""Fields of a record's result that are never the record's own."""
TEXT_EXAMPLE = "it was the best of times , it was the worst of times ,\nit was the age of wisdom .\n"
RECORD_EXAMPLE = '{"id": 1, "text": "it was the best of times"}\n{"id": 2, "text": "times best the was of it"}\n'
REQUEST_BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": schema_ref(PerplexityRequest)},
            "text/plain": {"schema": {"type": "string", "description": "Text in UTF-8."}, "example": TEXT_EXAMPLE},
            "application/x-ndjson": {
                "schema": {"type": "string", "description": 'A record `{"text": ...}` a line; other fields are kept.'},
                "example": RECORD_EXAMPLE,
            },
        },
    }
}
"""OpenAPI description of the bodies, which the route reads itself."""

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Figures of the text; of records, a line each.",
        "content": json_lines(
            RecordPerplexity,
            RefusedRecord,
            description="For records: a line each, with the fields of the JSON answer but `model`, and the record's "
            "own; or with `error` and `line`. `error` is ours alone: a record's own fields of the names that results "
            "use (`error`, `line`, `record`, `perplexity`, ...) come back inside `record`.",
        ),
    }
}
