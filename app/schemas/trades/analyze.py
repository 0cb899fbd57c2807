"""Request and answers of the analysis of texts for studies of reading."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.schemas.base import (
    BOS_FIELD,
    MODEL_FIELD,
    NORMALIZED_FIELD,
    ContextToken,
    ItemError,
    RequestBody,
    ResponseBody,
    SourceTexts,
    Text,
)
from app.schemas.details.streams import json_lines
from models.evaluation.surprisal.units import UnitKind

ZERO_FIELD = Field(None, description="Present and true where the probability is exactly zero (`surprisal` is null).")
Position = Annotated[int, Field(ge=0)]


class AnalyzeRequest(RequestBody):
    """Request for the surprisal of words, lines or spans."""

    text: SourceTexts = Field(
        description="A text, or several, each on its own. A newline is the end of a line.",
        examples=["it was the best of times ,\nit was the worst of times ."],
    )
    context: Text = Field("", description="Read before each text, and not told of.", examples=[""])
    bos: bool = BOS_FIELD
    eos: bool = Field(True, description="Whether the end of the text is told of.")
    unit: UnitKind = Field("word", description="Unit to tell of: `word`, what stands between white space, or `line`.")
    spans: list[Annotated[list[Position], Field(min_length=2, max_length=2)]] | None = Field(
        None,
        min_length=1,
        description="Parts of a single text to tell of instead: begin and end in characters, the end excluded.",
        examples=[None],
    )
    window: int | None = Field(
        None, ge=1, description="Tokens of the running perplexity, which each unit then has.", examples=[20]
    )
    tokens: bool = Field(True, description="Whether to list the tokens of each unit, in JSON and NDJSON.")


class AnalyzedToken(ContextToken):
    """A token of a unit."""

    surprisal: float | None = Field(description="-log2 of its probability, in bits; null where that is zero.")
    zero_probability: bool | None = ZERO_FIELD
    entropy: float = Field(description="Entropy of the distribution before it, in bits.", examples=[6.25])
    rank: int = Field(description="How many tokens are more probable in its place, and one.", examples=[3])
    matched_order: int | None = Field(
        None, description="Length of the n-gram that gives it its probability. Of n-gram models.", examples=[2]
    )


class AnalyzedUnit(ResponseBody):
    """A word, a line or a span; the end of a line is a unit of its own among words."""

    text: str = Field(description="The unit as it stands in the text; empty for the end of the text.")
    begin: int = Field(description="Where it begins in the text as sent, in characters.", examples=[0])
    end: int = Field(description="Where it ends.", examples=[2])
    surprisal: float | None = Field(
        description="-log2 P(unit | all before it), in bits; null where the probability is zero. Where tokens begin "
        "with the blank before a word, the blank is charged to the word that it ends, so that probabilities of words "
        "sum to one."
    )
    zero_probability: bool | None = ZERO_FIELD
    entropy: float = Field(description="Entropy of the distribution of the token that comes first, in bits.")
    rank: int | None = Field(description="Rank of its only token; null for a unit of several tokens.")
    oov: bool = Field(description="Whether it holds a token that is out of the vocabulary.")
    matched_order: int | None = Field(
        None, description="Length of the n-gram that gives its only token its probability. Of n-gram models."
    )
    token_count: int = Field(description="Tokens that it consists of.")
    window_perplexity: float | None = Field(
        None, description="Perplexity of the last `window` tokens up to its end; null where it has no number."
    )
    tokens: list[AnalyzedToken] | None = Field(None, description="Its tokens, where asked for.")


class UnitLine(AnalyzedUnit):
    """A unit as a line of NDJSON."""

    text_index: int = Field(description="Number of its text, from 0.")


class RefusedText(ItemError):
    """An error in the place of a text's units, as a line of NDJSON."""

    text_index: int = Field(description="Number of the text, from 0.")


class AnalyzedText(ResponseBody):
    """The units of one text."""

    units: list[AnalyzedUnit] = Field(description="Words, lines or spans, in order.")
    surprisal: float | None = Field(description="Bits of the whole text: the sum over its tokens.")
    zero_probability: bool | None = ZERO_FIELD
    token_count: int = Field(description="Tokens of the text, its end included where it was told of.")
    oov_count: int = Field(description="Count of tokens that are out of the vocabulary.")


class AnalyzeAnswer(ResponseBody):
    """Analyses of the texts."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD
    results: list[AnalyzedText | ItemError] = Field(description="One for each text, in their order.")


STRING = {"type": "string"}
TSV = "text/tab-separated-values"
TSV_COLUMNS = (
    "text_index",
    "text",
    "begin",
    "end",
    "surprisal",
    "entropy",
    "rank",
    "oov",
    "matched_order",
    "token_count",
    "window_perplexity",
)
"""Columns of the table, in order; an unknown figure is empty, an infinite surprisal `inf`."""
WRITTEN_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The analyses, in the form that the header `accept` prefers.",
        "headers": {"x-model": {"description": "The model, where the form has no place for it.", "schema": STRING}},
        "content": {
            **json_lines(
                UnitLine, RefusedText, description="A unit a line, with `text_index`, the number of its text."
            ),
            TSV: {"schema": STRING | {"description": f"A table with the columns {', '.join(TSV_COLUMNS)}."}},
        },
    }
}
"""OpenAPI description of the answers that are no JSON."""
